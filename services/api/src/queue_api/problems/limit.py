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
    """Return kind, detail and headers of the 429 of a task that was not stored."""
    kind = "backlog-full" if error.limit in BACKLOGS else "limit-exceeded"
    seconds = max(math.ceil(error.retry_after_ms / 1000), 1)
    wait = seconds if error.retry_after_ms else RETRY_SECONDS
    detail = f"The task was not stored: the limit {error.limit} of {error.quota} is reached."
    return kind, detail, {"Retry-After": str(wait), **_rate_limit_headers(error, wait)}


def _rate_limit_headers(error: LimitError, wait: int) -> dict[str, str]:
    """Return the headers of the IETF's draft on rate limits: the limit, and the rest of it."""
    quota, policy = f"q={error.quota}", ""
    if error.limit == "rate":
        quota, policy = f"q={error.burst}", f";w={math.ceil(error.burst / float(error.quota))}"
    return {
        "RateLimit-Policy": f'"{error.limit}";{quota}{policy}',
        "RateLimit": f'"{error.limit}";r=0;t={wait}',
    }
