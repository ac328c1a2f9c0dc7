"""Log lines of the processes: one line each, with the names of what they say; JSON where no person looks on."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

Format = Literal["auto", "text", "json"]


def configure_logs(level: str, process: str, log_format: Format = "auto") -> None:
    """Call once at the start of a process. `level`: debug, info, warning or error; `auto` is JSON unless on a terminal.

    What is bound with `structlog.contextvars` (the id of a request) stands in every line of its context. Tracebacks
    never hold the values of variables, which may be secrets or addresses.
    """
    structlog.configure(
        processors=[*_common(), *_ending(log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


def take_over_logging(level: str, log_format: Format = "auto") -> None:
    """Let what libraries log with `logging` come out in the same form. Call it after `configure_logs`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(log_format)],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _ending(log_format: Format) -> list[Processor]:
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        return [structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    return [structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "process", "event"])]
