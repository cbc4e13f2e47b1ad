"""How many settled tasks are kept and for how long, in the scripts' units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from ...settings import QueueSettings

__all__ = ["Retention", "milliseconds"]

BY_MAXMEMORY = -1
"""``renew.lua`` computes the bound from Redis' ``maxmemory``."""


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return round(duration.total_seconds() * 1000)


def _bytes(size: int | None) -> int:
    return BY_MAXMEMORY if size is None else size


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how many settled tasks are kept, and in how many bytes."""

    result_ttl_ms: int
    result_max: int
    dead_ttl_ms: int
    dead_max: int
    result_max_bytes: int = BY_MAXMEMORY
    dead_max_bytes: int = BY_MAXMEMORY

    @staticmethod
    def of(settings: QueueSettings) -> Retention:
        """Return the bounds that the settings give."""
        return Retention(
            result_ttl_ms=milliseconds(settings.result_ttl),
            result_max=settings.result_max,
            dead_ttl_ms=milliseconds(settings.dead_ttl),
            dead_max=settings.dead_max,
            result_max_bytes=_bytes(settings.result_max_bytes),
            dead_max_bytes=_bytes(settings.dead_max_bytes),
        )
