"""The retry policy: what an attempt leads to. Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from .task import Attempt, Outcome, Task

__all__ = ["Dead", "Decision", "Done", "RetryAt", "RetryPolicy", "deadline_of", "decide"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a worker tries, unless the task says otherwise."""

    interval_ms: int = 10_000
    deadline_ms: int = 24 * 3600 * 1000
    """Counted from the task's acceptance."""


@dataclass(frozen=True, slots=True)
class Done:
    """The destination has the request: nothing more to do."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at this Unix time."""

    due_at_ms: int


@dataclass(frozen=True, slots=True)
class Dead:
    """Give up and keep the task among the dead letters."""

    reason: str


Decision = Done | RetryAt | Dead

_FINAL = frozenset({Outcome.EGRESS_REFUSED, Outcome.EXPIRED, Outcome.UNREADABLE, Outcome.POISON})


def decide(attempt: Attempt, task: Task, policy: RetryPolicy, now_ms: int) -> Decision:
    """Say what ``attempt`` leads to, ``now_ms`` being when it ended.

    With the default policy a failing task is tried 10 s after each failure: at once, after 10 s,
    20 s, 30 s and so on for 24 h, and is dead when the next attempt would come after that. A
    destination's ``Retry-After`` takes the place of the interval where it lies within the deadline.
    """
    if attempt.outcome is Outcome.DELIVERED:
        return Done()
    if attempt.outcome in _FINAL:
        return Dead(attempt.error or attempt.outcome)
    deadline = deadline_of(task, policy)
    interval = policy.interval_ms if task.retry_interval_ms is None else task.retry_interval_ms
    due = now_ms + interval
    if attempt.retry_after_ms is not None and now_ms + attempt.retry_after_ms <= deadline:
        due = now_ms + attempt.retry_after_ms
    if due > deadline:
        return Dead(f"deadline passed after {attempt.number} attempts; last: {attempt.error}")
    return RetryAt(due)


def deadline_of(task: Task, policy: RetryPolicy) -> int:
    """Return the Unix time in ms after which no attempt is begun."""
    allowed = policy.deadline_ms if task.retry_deadline_ms is None else task.retry_deadline_ms
    return task.accepted_at_ms + allowed
