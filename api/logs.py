"""Logs go to the error stream: a constant message and fields, one line each."""

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter


def configure_logs() -> None:
    """People at a terminal read words, everything else reads JSON; what libraries say comes in the same form."""
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(foreign_pre_chain=steps, processors=[ProcessorFormatter.remove_processors_meta, renderer])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
