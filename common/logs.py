"""Structured logs, on standard error: for people by default, as JSON for machines."""

import logging
import sys

import structlog

from common.errors import ConfigurationError

LEVELS = ("debug", "info", "warning", "error")


def configure_logs(level: str, as_json: bool) -> None:
    """Set the process's logs up; to be called once, by the command line."""
    if level not in LEVELS:
        raise ConfigurationError(f"log_level is {level!r}; choose one of {', '.join(LEVELS)}")
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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries log, such as Celery, in the same form.
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[strip, renderer]))
    # No less than info: what they tell beyond may be of any size, or of a picture.
    logging.basicConfig(handlers=[handler], level=max(number, logging.INFO), force=True)
    logging.captureWarnings(True)
