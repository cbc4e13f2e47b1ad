"""Reading the pause that a destination asks for.

By ``Retry-After`` (RFC 9110, section 10.2.3), or by ``X-RateLimit-Reset``, which many APIs have.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

__all__ = ["asked_pause_ms", "rate_limit_reset_ms", "retry_after_ms"]

if TYPE_CHECKING:
    from collections.abc import Iterable

HONOURED = frozenset({429, 503})
MAX_RESET_DIGITS = 13
MAX_DIGITS = 10
"""300 years. More is an error, and would not fit into the record."""


UNIX_SECONDS, UNIX_MILLISECONDS = 10**9, 10**12
"""From there on a reset is a Unix time, not a number of seconds."""


def asked_pause_ms(
    status_code: int, headers: Iterable[tuple[bytes, bytes]], now_ms: int
) -> int | None:
    """Return the milliseconds that the destination asks to wait, or None.

    ``Retry-After`` counts before ``X-RateLimit-Reset``; both with 429 and 503 only.
    """
    if status_code not in HONOURED:
        return None
    named = [(name.lower(), value.decode("latin-1")) for name, value in headers]
    waits = [value for name, value in named if name == b"retry-after"]
    wait = retry_after_ms(status_code, ", ".join(waits) if waits else None, now_ms)
    resets = [value for name, value in named if name == b"x-ratelimit-reset"]
    if wait is not None or len(resets) != 1:
        return wait
    return rate_limit_reset_ms(resets[0], now_ms)


def rate_limit_reset_ms(value: str, now_ms: int) -> int | None:
    """Return the wait until a reset: seconds from now, or a Unix time in seconds or milliseconds.

    A reset that has passed and invalid values are ignored.
    """
    text = value.strip().partition(".")[0]
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_RESET_DIGITS):
        return None
    reset = int(text)
    if reset >= UNIX_MILLISECONDS:
        wait = reset - now_ms
    elif reset >= UNIX_SECONDS:
        wait = reset * 1000 - now_ms
    else:
        wait = reset * 1000
    return wait if wait > 0 else None


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
