"""What a process has claimed and not settled yet, and how much more it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .claim import Claim
    from .storage.scripts import Argument

__all__ = ["UNBOUNDED", "InFlight"]

UNBOUNDED = 1_000_000
"""More tasks than any process holds."""

SUSPECT_AT = 2
"""Workers that died under a task in a row, from which on it is a suspect: see ``suspects.lua``."""

_Key = tuple[str, str]
"""Lease and id: a task may come back under a new lease before the old claim has ended."""


class InFlight:
    """Counts the claims of a process, the bytes of their records, and the suspects among them."""

    def __init__(self) -> None:
        self.max_tasks = 1
        self.max_bytes = 0
        """0: no limit."""
        self.bytes = 0
        self.max_on_trial = UNBOUNDED
        self._suspects: set[_Key] = set()
        self._sizes: dict[_Key, int] = {}
        self._on_trial: set[_Key] = set()
        """Those of lanes that were not proven when they were claimed."""

    def add(self, claims: Iterable[Claim]) -> None:
        """Count claims that have come."""
        for claim in claims:
            self._sizes[claim.lease, claim.task_id] = claim.size
            self.bytes += claim.size
            if claim.on_trial:
                self._on_trial.add((claim.lease, claim.task_id))
            if claim.interrupted >= SUSPECT_AT:
                self._suspects.add((claim.lease, claim.task_id))

    def remove(self, claim: Claim) -> None:
        """Count a claim that has ended; one that is not known is none."""
        key = claim.lease, claim.task_id
        self.bytes -= self._sizes.pop(key, 0)
        if claim.on_trial:
            self._on_trial.discard(key)
        if self._suspects:
            self._suspects.discard(key)

    def holds(self, lease: str, task_id: str) -> bool:
        """Return whether the task is in this process' hands under the lease."""
        return (lease, task_id) in self._sizes

    def count(self, lease: str) -> int:
        """Count the claims under a lease."""
        return sum(of == lease for of, _ in self._sizes)

    def room(self, *, ending: Iterable[Claim] = ()) -> tuple[Argument, ...]:
        """Return what a claim may bring, as ``claim.lua`` has it.

        These are: how many bytes (-1: any number), 1 if nothing is held, how many tasks of lanes
        that are not proven, the room of the claims that are ``ending`` included, how many tasks the
        process holds at most, and how many suspects it holds.
        """
        free = max(self.max_bytes - self.bytes, 0) if self.max_bytes else -1
        held = len(self._on_trial) - sum(claim.on_trial for claim in ending)
        on_trial = max(self.max_on_trial - held, 0)
        return free, int(not self._sizes), on_trial, self.max_tasks, len(self._suspects)
