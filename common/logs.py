"""The logs of all modules: structlog's where a program has configured it, and else the standard library's.

The command line configures structlog. A program that embeds Blindsight need not: then lines go to `logging`, to loggers
below `blindsight`, and nobody sees them unless the program says where they go. structlog alone would print them.
"""

import logging
from typing import Any

import structlog

_ROOT = "blindsight"

logging.getLogger(_ROOT).addHandler(logging.NullHandler())  # or Python would print warnings on standard error


class _Log:
    """Decides with each line, as a program may configure structlog after it has imported us."""

    def __init__(self, name: str) -> None:
        self._structured = structlog.get_logger()
        self._standard = structlog.wrap_logger(
            logging.getLogger(name),
            processors=[structlog.stdlib.filter_by_level, structlog.contextvars.merge_contextvars, _as_text],
            wrapper_class=structlog.stdlib.BoundLogger,
        )

    def __getattr__(self, method: str) -> Any:
        return getattr(self._structured if structlog.is_configured() else self._standard, method)


def get_logger(module: str) -> Any:
    """The logger of a module, given its `__name__`; it has structlog's methods."""
    return _Log(module if module.partition(".")[0] == _ROOT else f"{_ROOT}.{module}")


def _as_text(_: object, __: str, event: structlog.typing.EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """An event and what belongs to it as one line: the event, then name=value."""
    details = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    sentence = str(event.pop("event"))
    return (" ".join([sentence, *(f"{name}={value!r}" for name, value in event.items())]),), details
