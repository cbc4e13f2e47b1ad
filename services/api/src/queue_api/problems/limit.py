"""What a client is told of a limit that is reached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_common.errors import LimitError

__all__ = ["describe_limit"]

RETRY_SECONDS = 5
"""Retry-After if it is unknown when there will be room."""
BACKLOGS = frozenset({"backlog", "lane_backlog"})


def describe_limit(error: LimitError) -> tuple[str, str, dict[str, str]]:
    """Return kind, detail and headers of the 429 of a task that was not stored.

    That of a task that could never fit has no Retry-After: the limit itself has to be raised.
    """
    kind = "backlog-full" if error.limit in BACKLOGS else "limit-exceeded"
    over = f"The task was not stored: the limit {error.limit} of {error.quota}"
    policy = {"RateLimit-Policy": f'"{error.limit}";{_policy(error)}'}
    if not error.fits:
        detail = f"{over} has no room for it, even with no other task."
        return kind, detail, policy
    seconds = max(math.ceil(error.retry_after_ms / 1000), 1)
    wait = seconds if error.retry_after_ms else RETRY_SECONDS
    detail = f"{over} is reached."
    rest = {"RateLimit": f'"{error.limit}";r=0;t={wait}'}
    return kind, detail, {"Retry-After": str(wait), **policy, **rest}


def _policy(error: LimitError) -> str:
    """Return a limit as the IETF's draft on rate limits writes it."""
    if error.limit == "rate":
        return f"q={error.burst};w={math.ceil(error.burst / float(error.quota))}"
    return f"q={error.quota}"
