"""Log lines: JSON in production, coloured text in development, all through one pipe."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from .settings import LogSettings

__all__ = ["configure_logging"]

_json = msgspec.json.Encoder(enc_hook=str)
_LEVELS = {"exception": "error", "warn": "warning"}
"""Methods whose level has another name."""


def configure_logging(settings: LogSettings, *, quiet: tuple[str, ...] = ()) -> None:
    """Send structlog's and the standard library's lines to stdout in one form.

    JSON lines carry ``level``, ``timestamp`` (RFC 3339, UTC), ``msg`` and the event's fields.
    Loggers named in ``quiet`` are raised to WARNING: those whose lines repeat ours.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    production = settings.env == "production"
    structlog.configure(
        processors=[_json_line] if production else [*_PEOPLES, _coloured()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Each line is written as it is told: nothing is lost with a process that is killed.
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer)
        if production
        else structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_PEOPLES,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _json_text if production else _coloured(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


_PEOPLES: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _json_line(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    """Return the line: one step for what structlog does in four, as there is a line an attempt."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    line: dict[str, Any] = {
        "level": event.pop("level", None) or _LEVELS.get(method, method),
        "timestamp": event.pop("timestamp", None) or f"{datetime.now(UTC).isoformat()[:-6]}Z",
        "msg": event.pop("event", ""),
        **event,
    }
    try:
        return _json.encode(line)
    except UnicodeEncodeError:  # half a surrogate pair, from who knows where
        return json.dumps(line, default=str).encode()


def _json_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return _json_line(logger, method, event).decode()


def _coloured() -> Processor:
    # A plain traceback: the rich one shows local variables, and secrets among them.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(),
        pad_event_to=26,
        exception_formatter=structlog.dev.plain_traceback,
    )
