"""The command line."""

import sys
from typing import Annotated, NoReturn

import typer

from blindsight.command_line.app import App
from blindsight.command_line.streams import flush_output, prepare_streams
from common.errors import BlindsightError

#: The commands: the name of each, its `App`, and the first paragraph of its help.
_COMMANDS = (
    (
        "demo",
        "blindsight.commands.demo:app",
        "Run cameras, broker, bridge and workers on this machine, on encrypted pictures; and a console for a site.",
    ),
    (
        "bridge",
        "blindsight.commands.bridge:app",
        "Hand encrypted frames from MQTT to the Celery queue, and evaluation keys to Redis.",
    ),
    ("worker", "blindsight.commands.worker:app", "Evaluate plans on encrypted frames, and publish encrypted labels."),
    (
        "status",
        "blindsight.commands.status.status:app",
        "Show a site's devices, workers and queues, live; with the bridge's credentials for MQTT and Redis.",
    ),
    (
        "provision",
        "blindsight.commands.provision:app",
        "Make passwords and configuration for Mosquitto, Redis, the services and devices, or change them.",
    ),
    (
        "calibrate",
        "blindsight.commands.calibrate:app",
        "Measure the engines on this machine, so that times are predicted for it.",
    ),
    ("doctor", "blindsight.commands.doctor:app", "Say what evaluates plans on this machine, and what is missing."),
    (
        "device",
        "blindsight.commands.device.group:app",
        "Watch a camera: encrypt its frames, send them, decrypt the labels that come back.",
    ),
    (
        "console",
        "blindsight.commands.console.group:app",
        "Read the labels of a site's devices: show and record them, and tell the devices so.",
    ),
    ("web", "blindsight.commands.web.group:app", "Who may see a site in a browser: accounts and API tokens."),
    ("keys", "blindsight.commands.keys:app", "Make, show and export key sets."),
    (
        "known-answers",
        "blindsight.commands.known_answers:app",
        "Make known answers, which find out workers that answer wrongly.",
    ),
    (
        "camera",
        "blindsight.commands.camera.group:app",
        "Look through a camera's regions, and test them on photos.",
    ),
    ("model", "blindsight.commands.model.group:app", "Train, render, import, compile, show and evaluate models."),
    ("data", "blindsight.commands.data:app", "Label pictures of your own, for a model of your own."),
)

app = App(
    name="blindsight",
    help="Cameras that nobody else can watch: encrypted frames in, encrypted labels out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in _COMMANDS:
    app.lazy_command(*command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from common.installed import blindsight_version

        typer.echo(f"blindsight {blindsight_version()}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors of ours, and of files and disks, are one message and exit code 1."""
    prepare_streams()
    try:
        try:
            app(prog_name="blindsight")
        finally:
            flush_output()  # here, where a full disk or a closed pipe can be said
    except BrokenPipeError:  # whoever read our output has seen enough, such as `head`
        sys.exit(1)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror or error}")
    except RuntimeError as error:
        if "home directory" not in str(error):  # which --install-completion needs
            raise
        _fail("this user has no home, and HOME isn't set; set it to a folder")
    except BlindsightError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    sys.exit(1)
