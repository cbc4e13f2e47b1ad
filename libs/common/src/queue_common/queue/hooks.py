"""Instrumentation of the queue."""

from __future__ import annotations

__all__ = ["QueueHooks"]


class QueueHooks:
    """Instrumentation hooks. The default implementation does nothing. A hook must not raise."""

    def round_trip(self, operation: str, seconds: float) -> None:
        """Handle the end of a round trip, with or without a reply, of the script ``operation``."""

    def submitted(self, tasks: int, error: str) -> None:
        """Handle tasks sent to Redis; ``error`` is empty if it stored them as new ones.

        Is not called for tasks that were there before.
        """

    def claimed(self, tasks: int) -> None:
        """Handle tasks that this worker has claimed."""

    def released(self, tasks: int, reason: str) -> None:
        """Handle released claims; ``reason`` is ``stop`` or ``lease_ended``."""
