"""Durations as the API writes them, such as ``1m30s``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Union

__all__ = ["Duration", "format_duration"]

if TYPE_CHECKING:
    Duration = Union[str, float, timedelta]  # noqa: UP007 - as below
    """``"1m30s"``, seconds, or a timedelta."""
else:
    # What msgspec reads from JSON. A timedelta becomes a string before anything is written.
    Duration = Union[str, float]  # noqa: UP007 - Python 3.10


def format_duration(value: Duration) -> str:
    """Return the duration as the API reads it; to the millisecond."""
    if isinstance(value, str):
        return value
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else f"{whole}s"
