"""How every service starts and ends: its logs, warnings of misspelt variables, and an orderly stop at a signal."""

import signal
import threading
from collections.abc import Callable

from blindsight.command_line.interrupts import at_signals
from blindsight.command_line.logs import configure_logs
from blindsight.command_line.variables import unknown_variables
from common.logs import get_logger
from common.service.settings import ServiceSettings

log = get_logger(__name__)


def configure_service(settings: ServiceSettings) -> None:
    """Set the process's logs up as the settings say, and warn of variables in the environment that are no settings."""
    configure_logs(settings.log_level, settings.log_json)
    for sentence in unknown_variables(type(settings)):
        log.warning(sentence)


def stop_with(stop: Callable[[], None]) -> None:
    """Log that a service stops and call `stop` at a signal.

    In a thread: the main one, which handles signals, may hold a lock that `stop` or the log takes.
    """

    def run(number: int) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop()

    at_signals(lambda number: threading.Thread(target=run, args=(number,), name="stop").start())
