"""Tasks and attempts for tests, with valid values in all fields."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queue_common.lanes import lane_of
from queue_common.task import VERSION, Attempt, Outcome, Task
from queue_common.tracing.context import TraceContext

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["a_context", "a_task", "an_attempt", "now_ms"]


def now_ms() -> int:
    """Return the Unix time in whole milliseconds."""
    return round(time.time() * 1000)


def a_task(
    url: str = "http://destination.test/hook", *, lane: str | None = None,
    body: bytes | None = b"x", headers: Mapping[str, str] | None = None, method: str = "POST",
) -> Task:  # fmt: skip
    """Return a task accepted now, in the lane of its URL unless one is given."""
    return Task(
        version=VERSION,
        url=url,
        method=method,
        headers=dict(headers or {}),
        body=body,
        accepted_at_ms=now_ms(),
        lane=lane if lane is not None else lane_of(url),
    )


def an_attempt(
    outcome: Outcome = Outcome.DELIVERED, *, number: int = 1, error: str | None = None
) -> Attempt:
    """Return an attempt that ended now."""
    status = {Outcome.DELIVERED: 200, Outcome.HTTP_ERROR: 500}.get(outcome)
    return Attempt(number, now_ms(), 1.5, outcome, status_code=status, error=error)


def a_context(flags: int = 0) -> TraceContext:
    """Return the span context of the standard's examples."""
    return TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", flags)
