"""Decides which attempts of a task are recorded, so that a day's trace stays readable. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from ..task import Attempt

__all__ = ["Kept", "decide"]

FIRST_ATTEMPTS = 10
"""The first attempts, which are all recorded."""
GROWTH = 1.5
"""Factor between the numbers of recorded attempts after those."""
MAX_CHANGES = 30
"""Max changes of outcome that are recorded: a flapping destination must not fill the trace."""


class Kept(NamedTuple):
    """The decision about an attempt's spans."""

    stands_for: int
    """Number of attempts that the span stands for, itself included; 0: it is not recorded."""
    attempt: Attempt
    """The attempt, with the data that the decision about the next one needs."""


def decide(attempt: Attempt, last: Attempt | None, *, settles: bool) -> Kept:
    """Decide whether the spans of ``attempt`` are recorded; ``last`` is the attempt before it.

    Recorded are the first ten attempts, up to 30 with another outcome than the one before, attempts
    at growing distances (15, 23, 34, 51, 76, 114, ...), and the one that settles the task: at most
    57 of 8,640, which is a day of attempts every 10 s.
    """
    left_out = last.left_out if last else 0
    changes = last.changes if last else 0
    changed = last is not None and _result(last) != _result(attempt)
    kept = settles or attempt.number <= FIRST_ATTEMPTS or _is_milestone(attempt.number)
    if not kept and changed and changes < MAX_CHANGES:
        kept, changes = True, changes + 1
    updated = msgspec.structs.replace(
        attempt, left_out=0 if kept else left_out + 1, changes=changes
    )
    return Kept(left_out + 1 if kept else 0, updated)


def _result(attempt: Attempt) -> tuple[str, int | None]:
    return attempt.outcome, attempt.status_code


def _is_milestone(number: int) -> bool:
    return _step(number) > _step(number - 1)


def _step(number: int) -> int:
    return math.floor(math.log(number / FIRST_ATTEMPTS, GROWTH))
