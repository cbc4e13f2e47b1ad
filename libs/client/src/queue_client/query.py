"""Parameters of a query string."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from .models.times import format_duration

__all__ = ["query_pairs"]

JOINED = frozenset({"types"})
"""Lists that are one parameter; the others are repeated."""


def query_pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Return the pairs of a parameter; a list has one for each element."""
    if value is None:
        return
    if name in JOINED and isinstance(value, (list, tuple)):
        yield name, ",".join(value)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from query_pairs(name, one)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, datetime):
        yield name, value.isoformat()
    elif isinstance(value, timedelta):
        yield name, format_duration(value)
    else:
        yield name, str(value)
