"""`blindsight console`: a site's console; and the command that exports what it recorded."""

import sys
from contextlib import ExitStack

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service, stop_with
from blindsight.pages.installed import SITE, check_installed
from blindsight.web.settings.console import ConsoleWebSettings
from common.keys.core_dumps import forbid_core_dumps
from models.catalogue import plan_file


def run_console(settings: ConsoleWebSettings) -> None:
    """Read the labels of a site's devices: show and record them, and tell the devices so."""
    from rich.console import Console as Terminal

    from console.outputs import JsonLines, LogLines, Output
    from console.preparation import prepare
    from console.service import make_console, open_record
    from console.table import LiveTable

    forbid_core_dumps()
    settings = settings.model_copy(update={"plans": [plan_file(path) for path in settings.plans]})
    if settings.web:
        check_installed("--web", SITE)
    prepared = prepare(settings)  # before the record is made: a start that is refused leaves nothing behind
    with ExitStack() as stack:
        record = stack.enter_context(open_record(settings))
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
            if settings.web:
                from blindsight.web.serving.console import console_web

                web = stack.enter_context(console_web(settings, record))
                console = make_console(
                    settings, prepared, record, [output, web.output], web.history, [web.served.check]
                )
                web.problems = console.problems
                stack.enter_context(web.served)
            else:
                console = make_console(settings, prepared, record, [output])
            stop_with(console.stop)
            console.run()
        finally:
            output.close()


app = App(name="console")
app.callback(invoke_without_command=True)(command(ConsoleWebSettings, run_console))
app.lazy_command(
    "export",
    "blindsight.commands.console.export:app",
    "Write recorded labels, or readings, to a file, without scores. Local time, unless it names its offset.",
)
