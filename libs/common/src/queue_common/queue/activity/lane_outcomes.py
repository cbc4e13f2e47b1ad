"""What the attempts of each lane came to, counted in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...retry import Done

if TYPE_CHECKING:
    from ...retry import Decision
    from ...task import Attempt
    from ..storage.scripts import Argument

__all__ = ["LaneOutcomes"]

MAX_LANES: Final = 1000
"""Lanes that are counted between two flushes; attempts of others are left out."""


class _Outcomes:
    __slots__ = ("delivered", "failed", "last")

    def __init__(self, last: Attempt) -> None:
        self.delivered = 0
        self.failed = 0
        self.last = last


class LaneOutcomes:
    """Attempts by lane since the last ``take``."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Outcomes] = {}

    def settled(self, lane: str, attempt: Attempt, decision: Decision) -> None:
        """Count an attempt that has ended."""
        outcomes = self._lanes.get(lane)
        if outcomes is None:
            if len(self._lanes) >= MAX_LANES:
                return
            outcomes = self._lanes[lane] = _Outcomes(attempt)
        outcomes.last = attempt
        if isinstance(decision, Done):
            outcomes.delivered += 1
        else:
            outcomes.failed += 1

    def take(self) -> list[list[Argument]]:
        """Return, per lane, what ``record_lanes.lua`` reads, and begin again."""
        lanes, self._lanes = self._lanes, {}
        return [
            [
                lane,
                counted.delivered,
                counted.failed,
                counted.last.outcome,
                "" if counted.last.status_code is None else counted.last.status_code,
            ]
            for lane, counted in lanes.items()
        ]
