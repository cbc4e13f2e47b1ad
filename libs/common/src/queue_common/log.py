"""Log lines: JSON in production, coloured text in development, all through one pipe."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from .settings import LogSettings

__all__ = ["configure_logging"]

_json = msgspec.json.Encoder(enc_hook=str)


def configure_logging(settings: LogSettings, *, quiet: tuple[str, ...] = ()) -> None:
    """Send structlog's and the standard library's lines to stdout in one form.

    JSON lines carry ``level``, ``timestamp`` (RFC 3339, UTC), ``msg`` and the event's fields.
    Loggers named in ``quiet`` are raised to WARNING: those whose lines repeat ours.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    final = _json_line if settings.env == "production" else _coloured()
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if settings.env == "production" else _as_is,
    ]
    structlog.configure(
        processors=[*shared, final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _as_is(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return event


def _json_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    line: dict[str, Any] = {
        "level": event.pop("level", "info"),
        "timestamp": event.pop("timestamp", None),
        "msg": event.pop("event", ""),
    }
    return _json.encode({**line, **event}).decode()


def _coloured() -> Processor:
    # A plain traceback: the rich one shows local variables, and secrets among them.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(),
        pad_event_to=26,
        exception_formatter=structlog.dev.plain_traceback,
    )
