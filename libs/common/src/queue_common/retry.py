"""The retry policy: decides what follows an attempt. Pure: no clock, no I/O."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from .options import Retry, matches_status
from .task import Attempt, Outcome, Task

__all__ = [
    "MAX_DEADLINE_MS", "NO_ATTEMPT", "Dead", "Decision", "Done", "RetryAt", "RetryPolicy",
    "deadline_of", "decide", "default_deadline_ms", "own_deadline_ms", "wait_ms",
]  # fmt: skip

NO_ATTEMPT = frozenset({Outcome.EXPIRED, Outcome.UNREADABLE})
"""The outcomes without a request: no attempt is counted."""
MAX_DEADLINE_MS = 30 * 24 * 3600 * 1000
"""The longest deadline that a client can give a task."""

MAX_WAIT_MS = 31 * 24 * 3600 * 1000
"""Growing waits stop here: longer ones are all beyond the longest deadline."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The interval and deadline of tasks that have none of their own."""

    interval_ms: int = 10_000
    deadline_ms: int = 24 * 3600 * 1000
    """Counted from the task's acceptance."""


@dataclass(frozen=True, slots=True)
class Done:
    """The destination accepted the request: nothing is left to do."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at this Unix time, in ms."""

    due_at_ms: int


@dataclass(frozen=True, slots=True)
class Dead:
    """Give up and keep the task as a dead letter."""

    reason: str


Decision = Done | RetryAt | Dead

_FINAL = frozenset({Outcome.EGRESS_REFUSED, Outcome.EXPIRED, Outcome.UNREADABLE, Outcome.POISON})
_ENDING = frozenset({410, 489})
"""Statuses by which a destination refuses further attempts."""
_CONNECTION = frozenset({
    Outcome.DNS_ERROR, Outcome.CONNECT_ERROR, Outcome.TLS_ERROR, Outcome.CONNECTION_LOST,
    Outcome.PROTOCOL_ERROR,
})  # fmt: skip


def decide(
    attempt: Attempt, task: Task, policy: RetryPolicy, now_ms: int, *, seed: str = ""
) -> Decision:
    """Return what follows ``attempt``, which ended at ``now_ms``.

    By default a task is tried again 10 s after each failure, for 24 h. It becomes a dead letter if
    the next attempt would begin after that. A destination's ``Retry-After`` replaces the interval
    if it ends before the deadline. ``seed``, the task's id, determines the jitter.
    """
    if attempt.outcome is Outcome.DELIVERED:
        return Done()
    if attempt.outcome in _FINAL:
        return Dead(attempt.error or attempt.outcome)
    if attempt.status_code in _ENDING:
        return Dead(f"the destination wants no further attempt; last: {attempt.error}")
    retry = task.options.retry if task.options else None
    # A dead letter that is run again begins its policy anew.
    number = attempt.number if task.rerun is None else attempt.number - task.rerun.attempts
    if retry is not None and (reason := _ending_reason(retry, attempt, number)) is not None:
        return Dead(f"{reason}; last: {attempt.error}")
    deadline = deadline_of(task, policy)
    due = now_ms + _interval_ms(retry, task, policy, number, seed)
    if attempt.retry_after_ms is not None and now_ms + attempt.retry_after_ms <= deadline:
        due = now_ms + attempt.retry_after_ms
    if due > deadline:
        return Dead(f"deadline passed after {attempt.number} attempts; last: {attempt.error}")
    return RetryAt(due)


def deadline_of(task: Task, policy: RetryPolicy) -> int:
    """Return the Unix time in ms after which no attempt begins."""
    if task.retry_deadline_ms is not None:
        return task.accepted_at_ms + task.retry_deadline_ms
    retry = task.options.retry if task.options else None
    return task.accepted_at_ms + default_deadline_ms(retry, policy)


def default_deadline_ms(retry: Retry | None, policy: RetryPolicy) -> int:
    """Return the ms after its due time at which a task without a deadline is given up.

    A policy that counts its attempts ends by itself, so only the longest deadline limits it.
    """
    if retry is not None and (retry.max_attempts is not None or retry.strategy == "schedule"):
        return max(MAX_DEADLINE_MS, policy.deadline_ms)
    return policy.deadline_ms


def own_deadline_ms(task: Task) -> int | None:
    """Return the ms after its due time, or its last run, at which a task is given up.

    None: the default's.
    """
    if task.rerun is not None:
        return task.rerun.deadline_ms
    if task.retry_deadline_ms is None:
        return None
    own_ms = task.retry_deadline_ms - (task.options.delay_ms if task.options else 0)
    # The release before this one counts the deadline of a task that is run again otherwise.
    return own_ms if own_ms > 0 else None


def _ending_reason(retry: Retry, attempt: Attempt, number: int) -> str | None:
    """Return why a task's own policy allows no attempt after this one; None if it does.

    ``number`` counts the attempts since the task was accepted, or run again.
    """
    if retry.max_attempts is not None and number >= retry.max_attempts:
        return f"all of max_attempts={retry.max_attempts} are made"
    if retry.strategy == "schedule" and number > len(retry.delays_ms):
        return f"all {len(retry.delays_ms)} delays are used"
    if retry.on is not None and not _is_retried(retry.on, attempt):
        return "retry.on does not name this failure"
    return None


def _is_retried(on: tuple[int | str, ...], attempt: Attempt) -> bool:
    if attempt.outcome is Outcome.HTTP_ERROR:
        return matches_status(on, attempt.status_code or 0)
    if attempt.outcome is Outcome.TIMEOUT:
        return "timeout" in on
    # An error of our own code is not a failure of the destination.
    return "connection" in on or attempt.outcome not in _CONNECTION


def _interval_ms(
    retry: Retry | None, task: Task, policy: RetryPolicy, number: int, seed: str
) -> int:
    if retry is None:
        return policy.interval_ms if task.retry_interval_ms is None else task.retry_interval_ms
    wait = wait_ms(retry, policy, number)
    if retry.jitter:
        share = zlib.crc32(f"{seed} {number}".encode()) / 2**32
        wait = round(wait * (1 - retry.jitter * share))
    return wait


def wait_ms(retry: Retry, policy: RetryPolicy, number: int) -> int:
    """Return the wait after attempt ``number``, from 1, before its jitter."""
    if retry.strategy == "schedule":
        return retry.delays_ms[number - 1]
    first = policy.interval_ms if retry.interval_ms is None else retry.interval_ms
    longest = MAX_WAIT_MS if retry.max_interval_ms is None else retry.max_interval_ms
    if retry.strategy == "constant":
        return first
    if retry.strategy == "linear":
        return min(first * number, longest)
    try:
        return round(min(first * retry.multiplier ** (number - 1), longest))
    except OverflowError:
        return longest
