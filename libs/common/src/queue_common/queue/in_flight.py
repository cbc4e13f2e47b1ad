"""What a process has claimed and not settled yet, and how much more it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .claim import Claim
    from .scripts import Argument

__all__ = ["InFlight"]

_Key = tuple[str, str]
"""Lease and id: a task may come back under a new lease before the old claim has ended."""


class InFlight:
    """Counts the claims of a process and the bytes of their records."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        """0: no limit."""
        self.bytes = 0
        self._sizes: dict[_Key, int] = {}

    def add(self, claims: Iterable[Claim]) -> None:
        """Count claims that have come."""
        for claim in claims:
            self._sizes[claim.lease, claim.task_id] = claim.size
            self.bytes += claim.size

    def remove(self, claim: Claim) -> None:
        """Count a claim that has ended; one that is not known is none."""
        self.bytes -= self._sizes.pop((claim.lease, claim.task_id), 0)

    def holds(self, lease: str, task_id: str) -> bool:
        """Return whether the task is in this process' hands under the lease."""
        return (lease, task_id) in self._sizes

    def count(self, lease: str) -> int:
        """Count the claims under a lease."""
        return sum(of == lease for of, _ in self._sizes)

    def room(self) -> tuple[Argument, Argument]:
        """Return how many bytes may be claimed (-1: any number), and 1 if nothing is held."""
        free = max(self.max_bytes - self.bytes, 0) if self.max_bytes else -1
        return free, int(not self._sizes)
