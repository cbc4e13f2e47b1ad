"""Reading a destination's ``Retry-After`` (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["retry_after_ms"]

HONOURED = frozenset({429, 503})
MAX_DIGITS = 10
"""300 years. More is an error, and would not fit into the record."""


def retry_after_ms(status_code: int, value: str | None, now_ms: int) -> int | None:
    """Return the milliseconds that the destination asks to wait, or None.

    ``value`` is a number of seconds or an HTTP date. It is used with 429 and 503 only. Zero, a past
    date and invalid values are ignored: a destination that asks for an immediate retry and fails
    again would otherwise be tried without a pause.
    """
    if value is None or status_code not in HONOURED:
        return None
    text = value.strip()
    wait = _seconds(text) if text.isascii() and text.isdigit() else _until(text, now_ms)
    return wait if wait > 0 else None


def _seconds(text: str) -> int:
    return int(text) * 1000 if len(text) <= MAX_DIGITS else 0


def _until(text: str, now_ms: int) -> int:
    try:
        at = parsedate_to_datetime(text)
        aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000) - now_ms
    except (ValueError, OverflowError):
        return 0
