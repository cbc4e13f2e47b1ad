"""Times as the API writes and reads them: RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["parse_time", "written_time"]


def written_time(unix_ms: int | None) -> str | None:
    """Return a Unix time in UTC with milliseconds; None stays None."""
    if unix_ms is None:
        return None
    at = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> int:
    """Return the Unix ms of a time; raises ValueError for one without a zone and other text."""
    msg = "should be a time such as 2026-11-28T22:44:46Z"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(msg) from None
    if at.tzinfo is None or "T" not in text.upper():
        raise ValueError(msg)
    return round(at.timestamp() * 1000)
