"""`blindsight model`: the group of the commands for models."""

from blindsight.command_line.app import App

app = App(name="model", help="Train, render, import, compile, show and evaluate models.", no_args_is_help=True)
app.lazy_command(
    "train",
    "blindsight.commands.model.training.train:app",
    "Train a model on pictures of your own, or a shipped one anew. Needs PyTorch (pip install torch).",
)
app.lazy_command(
    "render",
    "blindsight.commands.model.render:app",
    "Render photos of meters: drums with half-turned wheels, displays and print, in all kinds of light and dirt.",
)
app.lazy_command(
    "import",
    "blindsight.commands.model.importing.import_network:app",
    "Import a network from ONNX. Needs onnx (pip install onnx).",
)
app.lazy_command(
    "compile", "blindsight.commands.model.compile:app", "Compile a model into a plan, and the head that devices need."
)
app.lazy_command(
    "seal", "blindsight.commands.model.seal:app", "Encrypt every weight and bias under a key set's public key."
)
app.lazy_command(
    "show", "blindsight.commands.model.show:app", "Show a plan: its parameters, and what each stage costs."
)
app.lazy_command(
    "evaluate",
    "blindsight.commands.model.evaluate:app",
    "Evaluate a model on encrypted frames, in one process and one thread, against its plain self.",
)
