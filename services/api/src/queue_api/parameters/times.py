"""Times as the API writes and reads them: RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["MAX_TIME_MS", "parse_time", "written_time"]

MIN_TIME_MS = -62_135_596_800_000
"""The beginning of the year 1 in UTC: Python has no earlier year."""
MAX_TIME_MS = 253_402_300_799_999
"""The end of the year 9999 in UTC."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written_time(unix_ms: int | None) -> str | None:
    """Return a Unix time in UTC with milliseconds; None stays None.

    A time outside the years 1 to 9999 is written as the nearest one: a stored time must not make
    its record unreadable.
    """
    if unix_ms is None:
        return None
    at = _EPOCH + timedelta(milliseconds=min(max(unix_ms, MIN_TIME_MS), MAX_TIME_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> int:
    """Return the Unix ms of a time.

    Raises ValueError for one without a zone, outside the years 1 to 9999 in UTC, and other text.
    """
    msg = "should be a time such as 2026-11-28T22:44:46Z"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(msg) from None
    if at.tzinfo is None or "T" not in text.upper():
        raise ValueError(msg)
    unix_ms = round(at.timestamp() * 1000)
    if not MIN_TIME_MS <= unix_ms <= MAX_TIME_MS:
        msg = "is outside the years 1 to 9999 in UTC"
        raise ValueError(msg)
    return unix_ms
