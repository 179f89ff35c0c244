"""`blindsight camera`: the group of the commands for what a camera sees."""

from blindsight.command_line.app import App

app = App(name="camera", help="Look through a camera's regions, and test them on photos.", no_args_is_help=True)
app.lazy_command(
    "preview",
    "blindsight.commands.camera.preview:app",
    "Draw a picture of a camera with its regions, and what the model sees of each.",
)
app.lazy_command(
    "test", "blindsight.commands.camera.test:app", "Read photos of a meter, and compare with what they show."
)
app.lazy_command(
    "regions",
    "blindsight.commands.camera.regions:app",
    "Propose regions for a row of digits, and correct them by hand.",
)
