"""Logs why clients get a 503, because the response has only a short summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from queue_common.errors import QueueUnavailableError

__all__ = ["UnavailableLog", "log_unavailable"]

INTERVAL_SECONDS = 5.0
"""Max one line per interval: every request fails while Redis is away."""

logger = structlog.stdlib.get_logger(__name__)


class UnavailableLog:
    """Logs the first failure, and then at most one line per interval."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = float("-inf")
        self._failures = 0

    def __call__(self, error: QueueUnavailableError) -> None:
        """Log the error, with Redis' address and message, and the number of failed requests."""
        self._failures += 1
        now = self._clock()
        if now >= self._next_at:
            logger.warning("redis.unavailable", reason=str(error), requests=self._failures)
            self._next_at = now + INTERVAL_SECONDS
            self._failures = 0


log_unavailable = UnavailableLog()
