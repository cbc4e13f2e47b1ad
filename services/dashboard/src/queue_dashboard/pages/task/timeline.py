"""A task's life as a drawing: when it waited and when an attempt was under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queue_client import Attempt, TaskStatus

__all__ = ["Bar", "Timeline", "phases", "timeline"]

WIDTH = 1000.0
MIN_WIDTH = 4.0
"""An attempt of milliseconds in a life of hours is still to be seen."""


class Bar(NamedTuple):
    """A part of the line, from ``x`` on."""

    x: float
    width: float
    kind: str
    """``ok``, ``failed``, or a phase's name."""
    title: str


class Timeline(NamedTuple):
    """What is drawn, and the times at its ends."""

    bars: list[Bar]
    begin: datetime
    end: datetime
    next_x: float | None
    """Where the next attempt will be."""


def timeline(task: TaskStatus, attempts: Sequence[Attempt]) -> Timeline | None:
    """Return the drawing of a task's life; None if nobody knows when it began."""
    begin = task.created_at or (attempts[0].started_at if attempts else None)
    if begin is None:
        return None
    end = max(
        task.finished_at or task.next_attempt_at or datetime.now(UTC),
        *(attempt.started_at + _took(attempt) for attempt in attempts),
        begin + timedelta(milliseconds=1),
    )
    scale = WIDTH / (end - begin).total_seconds()
    bars = [_attempt_bar(attempt, begin, scale) for attempt in attempts]
    later = task.next_attempt_at
    next_x = None if later is None else min((later - begin).total_seconds() * scale, WIDTH)
    return Timeline(bars, begin, end, next_x)


def _took(attempt: Attempt) -> timedelta:
    return timedelta(milliseconds=attempt.duration_ms)


def _attempt_bar(attempt: Attempt, begin: datetime, scale: float) -> Bar:
    x = max((attempt.started_at - begin).total_seconds() * scale, 0.0)
    width = max(attempt.duration_ms / 1000 * scale, MIN_WIDTH)
    kind = "ok" if attempt.outcome == "delivered" else "failed"
    title = f"Attempt {attempt.number}: {attempt.outcome.replace('_', ' ')}"
    return Bar(round(min(x, WIDTH - MIN_WIDTH), 1), round(min(width, WIDTH), 1), kind, title)


def phases(attempt: Attempt) -> list[Bar]:
    """Return the parts of one request, each after the other, over its whole duration."""
    if attempt.phases is None or attempt.duration_ms <= 0:
        return []
    named = attempt.phases
    parts = {
        "name": named.dns_ms or 0.0, "connect": named.connect_ms or 0.0, "tls": named.tls_ms or 0.0,
        "wait": named.first_byte_ms or 0.0,
    }  # fmt: skip
    whole = max(attempt.duration_ms, sum(parts.values()))
    parts["body"] = whole - sum(parts.values())
    bars, x = [], 0.0
    for name, took in parts.items():
        width = took / whole * WIDTH
        if width > 0:
            bars.append(Bar(round(x, 1), round(width, 1), name, f"{name} {took:.1f} ms"))
        x += width
    return bars
