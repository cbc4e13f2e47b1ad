"""Log lines: JSON in production, coloured text in development, all to stdout."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from ..settings import LogSettings

__all__ = ["configure_logging"]

_json = msgspec.json.Encoder(enc_hook=str)


def configure_logging(settings: LogSettings, *, quiet: tuple[str, ...] = ()) -> None:
    """Send structlog's and the standard library's lines to stdout in one form.

    JSON lines carry ``level``, ``timestamp`` (RFC 3339, UTC), ``msg`` and the event's fields.
    Loggers named in ``quiet`` log warnings and errors only: their other lines repeat ours.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    form = _json_form() if settings.env == "production" else _text_form()
    structlog.configure(
        processors=[structlog.processors.add_log_level, *form],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(_Stdout(sys.stdout.buffer)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *form,
                _decoded,
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _Stdout:
    """Stdout. A line that cannot be written is lost without an error.

    A full disk or a broken pipe must not turn the response to an accepted task into a 500.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError:
            return

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            return


def _json_form() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        _ordered,
        structlog.processors.JSONRenderer(serializer=_encoded),
    ]


def _ordered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the most important fields first."""
    # msgspec writes the time by RFC 3339.
    now = datetime.now(UTC)
    return {"level": event.pop("level"), "timestamp": now, "msg": event.pop("event"), **event}


def _encoded(line: EventDict, **_: Any) -> bytes:  # noqa: ANN401 - json.dumps' options
    try:
        return _json.encode(line)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot encode
        return json.dumps(line, default=str).encode()


def _text_form() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            pad_event_to=26,
            sort_keys=False,
            # Quoted values cannot start a new line or send control codes to a terminal.
            repr_native_str=True,
            # A plain traceback: the rich one shows local variables, which may be secrets.
            exception_formatter=structlog.dev.plain_traceback,
        ),
        lambda _logger, _method, text: str(text).encode(errors="backslashreplace"),
    ]


def _decoded(_logger: WrappedLogger, _method: str, line: Any) -> str:  # noqa: ANN401 - of any type
    return bytes(line).decode()
