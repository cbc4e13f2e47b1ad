"""Converts tasks to responses."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from msgspec import UNSET

from queue_common.lanes import shown_url, split_lane
from queue_common.redaction import redacted
from queue_common.retry import RetryPolicy, deadline_of
from queue_common.tracing.context import read_context

from ...parameters import written_time
from .schemas import AttemptStatus, CallbackStatus, RequestShown, RetryStatus, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queue_common.options import Callback, Retry
    from queue_common.task import Attempt, Task, TaskView
    from queue_common.tracing.settings import TraceSettings

__all__ = ["attempt_status", "request_of", "status_of", "trace_id_of"]

MAX_BODY_SHOWN = 256 << 10


def status_of(view: TaskView, policy: RetryPolicy, settings: TraceSettings) -> TaskStatus:
    """Return a task without headers, body and query string."""
    task = view.task
    options = task.options if task else None
    trace_id = trace_id_of(task)
    project, lane = split_lane(view.lane)
    return TaskStatus(
        id=view.id,
        state=view.state,
        url=shown_url(task.url) if task else None,
        method=task.method if task else None,
        lane=lane,
        attempts=view.attempts,
        interrupted=view.interrupted,
        next_attempt_at=written_time(view.due_at_ms),
        last_attempt=attempt_status(view.last_attempt) if view.last_attempt else None,
        created_at=written_time(task.accepted_at_ms) if task else None,
        deadline_at=written_time(deadline_of(task, policy)) if task else None,
        finished_at=written_time(view.finished_at_ms),
        trace_id=trace_id,
        project=project,
        labels=(options.labels or {}) if options else {},
        cancel_requested=view.cancel_requested,
        timeout_seconds=_seconds(options.timeout_ms) if options else None,
        retry=_retry(options.retry) if options and options.retry else None,
        success=_statuses(options.success) if options and options.success else None,
        idempotency_key=options.idempotency_key if options else None,
        callback=_callback(options.callback) if options and options.callback else None,
        replay_of=options.replay_of if options else None,
        callback_of=options.callback_of if options else None,
        size_bytes=view.size,
        trace_url=settings.trace_url(trace_id) or UNSET,
    )


def trace_id_of(task: Task | None) -> str | None:
    """Return the id of a task's trace."""
    context = read_context(task.trace_context or {}) if task else None
    return context.trace_id if context else None


def attempt_status(attempt: Attempt) -> AttemptStatus:
    """Return an attempt as a response shows it."""
    return AttemptStatus(
        number=attempt.number,
        started_at=written_time(attempt.started_at_ms) or "",
        duration_ms=attempt.duration_ms,
        outcome=attempt.outcome,
        status_code=attempt.status_code,
        error=attempt.error,
    )


def request_of(task: Task) -> RequestShown:
    """Return a task's request."""
    body = task.body or b""
    shown = body[:MAX_BODY_SHOWN]
    text = None if task.body is None else _text(shown)
    encoded = base64.b64encode(shown).decode() if task.body is not None and text is None else None
    return RequestShown(
        url=task.url,
        method=task.method,
        headers=redacted(task.headers),
        body=text,
        body_base64=encoded,
        body_bytes=len(body),
        truncated=len(body) > len(shown),
    )


def _text(body: bytes) -> str | None:
    """Return a body as text, without a last character that was cut."""
    for end in range(len(body), max(len(body) - 4, -1), -1):
        try:
            return body[:end].decode()
        except UnicodeDecodeError:
            if len(body) < MAX_BODY_SHOWN:
                return None
    return None


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _statuses(codes: Iterable[int | str]) -> list[str | int]:
    """Return status classes (1 to 5) as ``2xx``, and other values unchanged."""
    return [f"{c}xx" if isinstance(c, int) and c < 10 else c for c in codes]


def _retry(retry: Retry) -> RetryStatus:
    return RetryStatus(
        strategy=retry.strategy,
        interval_seconds=_seconds(retry.interval_ms),
        max_interval_seconds=_seconds(retry.max_interval_ms),
        multiplier=retry.multiplier,
        delays_seconds=[delay / 1000 for delay in retry.delays_ms],
        jitter=retry.jitter,
        max_attempts=retry.max_attempts,
        on=None if retry.on is None else _statuses(retry.on),
    )


def _callback(callback: Callback) -> CallbackStatus:
    return CallbackStatus(url=shown_url(callback.url), on=list(callback.on))
