"""`blindsight console`: a site's console; and the command that exports what it recorded."""

import sys

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service, stop_with
from common.keys.core_dumps import forbid_core_dumps
from console.settings import ConsoleSettings
from models.catalogue import plan_file


def run_console(settings: ConsoleSettings) -> None:
    """Read the labels of a site's devices: show and record them, and tell the devices so."""
    from rich.console import Console as Terminal

    from console.outputs import JsonLines, LogLines, Output
    from console.preparation import prepare
    from console.service import make_console, open_record
    from console.table import LiveTable

    forbid_core_dumps()
    settings = settings.model_copy(update={"plans": [plan_file(path) for path in settings.plans]})
    prepared = prepare(settings)  # before the record is made: a start that is refused leaves nothing behind
    with open_record(settings) as record:
        output: Output
        if settings.json_lines:
            output = JsonLines()
        elif sys.stdout.isatty():
            # Before the log, whose lines then go above the table.
            output = LiveTable(Terminal(), record, settings.label_only, settings.regions is not None)
        else:
            output = LogLines()
        try:
            configure_service(settings)
            console = make_console(settings, prepared, record, [output])
            stop_with(console.stop)
            console.run()
        finally:
            output.close()


app = App(name="console")
app.callback(invoke_without_command=True)(command(ConsoleSettings, run_console))
app.lazy_command(
    "export",
    "blindsight.commands.console.export:app",
    "Write recorded labels, or readings, to a file, without scores. Local time, unless it names its offset.",
)
