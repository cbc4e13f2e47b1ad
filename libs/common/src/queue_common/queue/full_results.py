"""Decides which delivered tasks are kept in full for a time, within a limit in bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FullResults"]

BURST_SECONDS = 5.0


class FullResults:
    """A token bucket of bytes: it allows at most ``max_bytes`` within ``ttl_ms``.

    With little traffic every delivered task is kept in full, with much traffic a limited part.
    """

    def __init__(
        self, ttl_ms: int, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ttl_ms = ttl_ms
        self._clock = clock
        self._max_bytes = max_bytes if ttl_ms else 0
        self._filled_at = clock()
        self.share(1)
        self._bytes = self._capacity

    def share(self, workers: int) -> None:
        """Set the share of one of ``workers``; 0: Redis is short of memory, and nothing is kept."""
        part = self._max_bytes / workers if workers else 0.0
        # Within the time, the bucket's content and its refill are used.
        self._rate = part / (self.ttl_ms / 1000 + BURST_SECONDS)
        self._capacity = self._rate * BURST_SECONDS

    @property
    def has_room(self) -> bool:
        """Whether the next task may be kept."""
        if self._bytes > 0:
            return True
        self._fill()
        return self._bytes > 0

    def take(self, size: int) -> bool:
        """Take a task's bytes; return whether it may be kept. A large task may leave a debt."""
        self._fill()
        if self._bytes <= 0 or size > self._max_bytes:
            return False
        self._bytes -= size
        return True

    def _fill(self) -> None:
        now = self._clock()
        self._bytes = min(self._bytes + (now - self._filled_at) * self._rate, self._capacity)
        self._filled_at = now
