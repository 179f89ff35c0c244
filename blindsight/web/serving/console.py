"""A console's site, put together and served while the console runs."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from blindsight.web.parts.models import read_model
from blindsight.web.serving.site import ServedSite
from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.sites.console_site import ConsoleSite, LiveOutput, live_of
from common.history import history_file
from common.history.history import History
from console.outputs import Output
from console.record.record import Record


@dataclass
class ConsoleWeb:
    """What a console needs to know of its site; `problems` is set once there is a console."""

    output: Output
    history: History
    served: ServedSite
    problems: Callable[[], list[str]] = list


@contextmanager
def console_web(settings: ConsoleWebSettings, record: Record) -> Iterator[ConsoleWeb]:
    """A console's site, whose port is bound. Raises `BlindsightError` naming what can't be used."""
    with closing(History(settings.state / history_file.FILE)) as history:
        live = live_of(record)

        def problems() -> list[str]:
            return web.problems()

        site = ConsoleSite(settings, live, history, [read_model(path) for path in settings.plans], problems)
        served = ServedSite(site, settings, settings.state)
        web = ConsoleWeb(LiveOutput(live), history, served)
        yield web
