"""Callbacks: tasks that report the results of other tasks. Pure: no clock, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .lanes import lane_in, lane_of, split_lane
from .options import CallbackEvent, TaskOptions
from .retry import Decision, Done, RetryAt
from .task import VERSION, State, Task, TaskId, derived_task_id

if TYPE_CHECKING:
    from .task import Attempt

__all__ = ["CallbackBody", "callback_task"]

_CONTENT_TYPE = "Content-Type"
_json = msgspec.json.Encoder()


class CallbackBody(msgspec.Struct, frozen=True):
    """The JSON body of a callback."""

    event: CallbackEvent
    task_id: str
    state: State
    attempts: int
    """Attempts that count."""
    outcome: str
    """Of the last attempt."""
    status: int | None
    """The status code that the destination responded with."""
    error: str | None
    response_excerpt: str | None
    """The first 1 KiB of the response's body."""
    next_attempt_at_ms: int | None
    """Unix time; None if there is no further attempt."""
    labels: dict[str, str]
    interrupted: int
    """Attempts in a row that were interrupted by the death of their worker; they do not count."""


def callback_task(
    task_id: TaskId,
    task: Task,
    attempt: Attempt,
    decision: Decision,
    attempts: int,
    interrupted: int = 0,
) -> tuple[TaskId, Task] | None:
    """Return the callback for ``attempt`` and its id; None if the task has none for it.

    An attempt always has the same callback. It is in the task's project and trace, and has no
    callback itself.
    """
    callback = task.options.callback if task.options else None
    event = _event(decision)
    if callback is None or task.options is None or event not in callback.on:
        return None
    state, next_at_ms = State.DEAD, None
    if isinstance(decision, Done):
        state = State.DELIVERED
    elif isinstance(decision, RetryAt):
        state, next_at_ms = State.SCHEDULED, decision.due_at_ms
    body = CallbackBody(
        event, task_id, state, attempts, attempt.outcome, attempt.status_code, attempt.error,
        attempt.response_excerpt, next_at_ms, task.options.labels or {}, interrupted,
    )  # fmt: skip
    headers = dict(callback.headers)
    if _CONTENT_TYPE.lower() not in map(str.lower, headers):
        headers[_CONTENT_TYPE] = "application/json"
    project, _ = split_lane(task.lane)
    told = Task(
        VERSION, callback.url, "POST", headers, _json.encode(body),
        attempt.started_at_ms + round(attempt.duration_ms), lane_in(project, lane_of(callback.url)),
        trace_context=task.compact().trace_context, options=TaskOptions(callback_of=task_id),
    )  # fmt: skip
    seed = f"callback {event} {attempt.number} {attempt.started_at_ms}"
    return derived_task_id(task_id, seed), told


def _event(decision: Decision) -> CallbackEvent:
    if isinstance(decision, Done):
        return "delivered"
    return "attempt" if isinstance(decision, RetryAt) else "dead"
