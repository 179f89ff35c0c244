"""Structured logs, on standard error: for people by default, as JSON for machines."""

import contextlib
import io
import logging
import sys
from typing import TextIO, cast

import structlog


class _StandardError(io.TextIOBase):
    """Where logs go. A service outlives its log: a full disk or a closed pipe behind it costs lines only."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def configure_logs(level: str, as_json: bool) -> None:
    """Set the logs of the process up, once; `level`, the least that is logged, is one of those of `ServiceSettings`."""
    stream = _StandardError()
    renderer = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*chain, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    # What libraries log, such as Celery, in the same form.
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[strip, renderer]))
    # No less than info: what they tell beyond may be of any size, or of a picture.
    logging.basicConfig(handlers=[handler], level=max(number, logging.INFO), force=True)
    logging.captureWarnings(True)
