"""Counts the outcomes of each lane's attempts in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...retry import NO_ATTEMPT, Done

if TYPE_CHECKING:
    from ...retry import Decision
    from ...task import Attempt
    from ..storage.scripts import Argument

__all__ = ["LaneOutcomes"]

MAX_LANES: Final = 1000
"""Max lanes between two flushes. Attempts of further lanes are not counted."""


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
        elif attempt.outcome not in NO_ATTEMPT:
            outcomes.failed += 1

    def take(self) -> list[list[Argument]]:
        """Return the counts of each lane for ``record_lanes.lua``, and reset them."""
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
