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
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
