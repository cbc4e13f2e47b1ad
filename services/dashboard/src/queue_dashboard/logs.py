"""Log lines: JSON in production, text in development, all to stdout."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

    from .settings import DashboardSettings

__all__ = ["configure_logging"]


def configure_logging(settings: DashboardSettings) -> None:
    """Send structlog's and the standard library's lines to stdout in one form.

    JSON lines carry ``level``, ``timestamp`` (RFC 3339, UTC), ``msg`` and the event's fields.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_form(json=settings.env == "production"),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Each call of the API would be a line of its own.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _form(*, json: bool) -> list[Processor]:
    if json:
        return [
            structlog.processors.EventRenamer("msg"),
            structlog.processors.JSONRenderer(),
        ]
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), sort_keys=False)]
