"""What is kept of settled tasks, in the units of the scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from ..settings import QueueSettings

__all__ = ["Bounds", "milliseconds"]


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return round(duration.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how many settled tasks are kept."""

    result_ttl_ms: int
    result_max: int
    dead_ttl_ms: int
    dead_max: int

    @staticmethod
    def of(settings: QueueSettings) -> Bounds:
        """Take the bounds out of the settings."""
        return Bounds(
            result_ttl_ms=milliseconds(settings.result_ttl),
            result_max=settings.result_max,
            dead_ttl_ms=milliseconds(settings.dead_ttl),
            dead_max=settings.dead_max,
        )
