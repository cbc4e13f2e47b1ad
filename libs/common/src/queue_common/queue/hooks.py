"""Who looks on while the queue works."""

from __future__ import annotations

__all__ = ["QueueHooks"]


class QueueHooks:
    """Is told of round trips and moves; this one keeps them to itself. Nothing here may raise."""

    def round_trip(self, operation: str, seconds: float) -> None:
        """Take note of a round trip, answered or not; the operation is its script's name."""

    def submitted(self, tasks: int, error: str) -> None:
        """Take note of tasks handed to Redis; ``error`` is empty where it took them."""

    def claimed(self, tasks: int) -> None:
        """Take note of tasks that have come into this worker's hands."""

    def released(self, tasks: int, reason: str) -> None:
        """Take note of tasks put back, because of a ``stop`` or as a ``lease_ended``."""
