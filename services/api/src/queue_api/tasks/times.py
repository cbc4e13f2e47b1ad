"""Checks of a task's times and durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime

__all__ = ["MAX_AHEAD_MS", "check_delay", "check_time", "check_timeout"]

DAY_MS = 24 * 3600 * 1000
MAX_AHEAD_MS = 30 * DAY_MS
MIN_TIMEOUT_MS, MAX_TIMEOUT_MS = 1000, 30 * 60 * 1000
MAX_DURATION_CHARACTERS = 64
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def check_time(text: str) -> int:
    """Return the Unix time in ms."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        at_ms = round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        msg = "should be a time such as 2026-12-01T09:00:00Z (RFC 3339)"
        raise ValueError(msg) from error
    if at_ms > datetime.now(UTC).timestamp() * 1000 + MAX_AHEAD_MS:
        msg = "is more than 30 days ahead"
        raise ValueError(msg)
    return at_ms


def _duration_ms(text: str) -> int:
    total, end = 0.0, 0
    for part in _PART.finditer(text[:MAX_DURATION_CHARACTERS]):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not end or end != len(text):
        msg = "should be a duration such as 90s, 1m30s or 1d10h30m"
        raise ValueError(msg)
    return round(total)


def check_delay(text: str) -> int:
    """Return milliseconds."""
    delay_ms = _duration_ms(text)
    if delay_ms > MAX_AHEAD_MS:
        msg = "is more than 30 days"
        raise ValueError(msg)
    return delay_ms


def check_timeout(text: str) -> int:
    """Return milliseconds."""
    timeout_ms = _duration_ms(text)
    if not MIN_TIMEOUT_MS <= timeout_ms <= MAX_TIMEOUT_MS:
        msg = "should be 1s to 30m"
        raise ValueError(msg)
    return timeout_ms
