"""Logging why clients are answered 503: they are told no more than the kind of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from queue_common.errors import QueueUnavailableError

__all__ = ["UnavailableLog", "log_unavailable"]

INTERVAL_SECONDS = 5.0
"""Every request fails while Redis is away: a line for each would fill the disk."""

logger = structlog.stdlib.get_logger(__name__)


class UnavailableLog:
    """Logs the first failure, and then at most one line in each interval."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = float("-inf")
        self._failures = 0

    def __call__(self, error: QueueUnavailableError) -> None:
        """Log Redis' address and the server's words, and how many requests failed since."""
        self._failures += 1
        now = self._clock()
        if now >= self._next_at:
            logger.warning("redis.unavailable", reason=str(error), requests=self._failures)
            self._next_at = now + INTERVAL_SECONDS
            self._failures = 0


log_unavailable = UnavailableLog()
