"""The spans of an attempt, recorded after its end: ``process`` with the request and ``settle``.

All spans of a task are in one trace: each attempt is a child of the span that sent the task.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import SpanKind

from queue_common.logs import events
from queue_common.never_raises import never_raises
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Attempt, Outcome, State
from queue_common.tracing import names
from queue_common.tracing.context import TraceContext, new_span_id, read_context
from queue_common.tracing.retention import decide
from queue_common.tracing.spans import OK, failed

from .span_attributes import (
    Attributes,
    error_type_attribute,
    message_attributes,
    request_attributes,
    response_attributes,
)

if TYPE_CHECKING:
    from opentelemetry.trace.status import Status

    from queue_common.queue import Claim
    from queue_common.task import Task
    from queue_common.tracing.spans import Spans
    from queue_common.tracing.tracer import Tracing

__all__ = ["AttemptTrace", "begin_trace"]

_STATES = {Done: State.DELIVERED, RetryAt: State.SCHEDULED, Dead: State.DEAD}
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
INTERRUPTED = "worker_stopped"
"""The reason in the spans of an attempt that was interrupted and released."""


def begin_trace(tracing: Tracing, claim: Claim) -> AttemptTrace:
    """Continue the task's trace."""
    task = claim.task
    sent = read_context(task.trace_context) if task and task.trace_context else None
    process = tracing.begin(sent or _unrecorded_trace(claim))
    spans = tracing.recorder(process)
    if spans is None:
        return AttemptTrace(process)
    return _RecordedAttempt(spans, claim, process, tracing.queue, sent.span_id if sent else "")


def _unrecorded_trace(claim: Claim) -> TraceContext | None:
    """Return a trace for a task without one: the same for all its attempts, and not recorded."""
    trace_id = claim.task_id.replace("-", "")
    return TraceContext(trace_id, "") if _TRACE_ID.fullmatch(trace_id) else None


class AttemptTrace:
    """The trace of an attempt that is not recorded: ids for the destination and the log."""

    __slots__ = ("client", "span_id", "trace_id")

    def __init__(self, process: TraceContext) -> None:
        self.trace_id = process.trace_id
        self.span_id = process.span_id
        """The id of the process span."""
        self.client = process
        """The context that is sent to the destination."""

    def delivering(self) -> None:
        """Record that the request begins."""

    def delivered(self) -> None:
        """Record that the request has ended, with or without success."""

    def decided(self, attempt: Attempt, _decision: Decision) -> Attempt:
        """Return the attempt with the data that the next attempt's trace needs."""
        return attempt

    def settling(self) -> None:
        """Record that the settlement begins."""

    def settled(self, error: Exception | None = None, *, cancelled: bool = False) -> None:
        """Record the settlement span. ``error`` is set if the lease was lost."""

    def interrupted(self) -> None:
        """Record that the worker stops before the attempt has ended, and releases the task."""


class _RecordedAttempt(AttemptTrace):
    """The trace of a recorded attempt. Spans are left out if ``retention.decide`` says so."""

    __slots__ = (
        "_attempt",
        "_claim",
        "_decision",
        "_delivered_ns",
        "_delivering_ns",
        "_parent_id",
        "_process",
        "_queue",
        "_settling_ns",
        "_spans",
        "_stands_for",
        "_started_ns",
        "_state",
    )  # fmt: skip

    def __init__(
        self, spans: Spans, claim: Claim, process: TraceContext, queue: str, parent_id: str
    ) -> None:
        super().__init__(process)
        self.client = process.span(new_span_id())
        self._spans = spans
        self._claim = claim
        self._process = process
        self._queue = queue
        self._parent_id = parent_id
        self._started_ns = time.time_ns()
        self._delivering_ns = self._delivered_ns = self._settling_ns = 0
        self._stands_for = 0

    def delivering(self) -> None:
        self._delivering_ns = time.time_ns()

    def delivered(self) -> None:
        self._delivered_ns = time.time_ns()

    def decided(self, attempt: Attempt, decision: Decision) -> Attempt:
        settles = not isinstance(decision, RetryAt)
        self._stands_for, self._attempt = decide(attempt, self._claim.last_attempt, settles=settles)
        self._decision = decision
        self._state = _STATES[type(decision)]
        return self._attempt

    def settling(self) -> None:
        self._settling_ns = time.time_ns()

    @never_raises
    def settled(self, error: Exception | None = None, *, cancelled: bool = False) -> None:
        if cancelled:
            # This is the task's last attempt after all, so it is recorded.
            self._state = State.CANCELLED
            self._stands_for = self._stands_for or self._attempt.left_out
        if not self._stands_for:
            return
        ended_ns = time.time_ns()
        if self._claim.task is not None and self._delivered_ns:
            self._record_request(self._claim.task)
        self._record_settlement(ended_ns, error)
        delivered = self._attempt.outcome is Outcome.DELIVERED
        result = self._result() | ({} if delivered else error_type_attribute(self._attempt))
        self._record_process(ended_ns, result, OK if delivered else failed(self._attempt.error))

    @never_raises
    def interrupted(self) -> None:
        # The destination may have received the request, and recorded spans of its own under ours.
        ended_ns = time.time_ns()
        task = self._claim.task
        if task is not None and self._delivering_ns:
            error_type: Attributes = {} if self._delivered_ns else {names.ERROR_TYPE: INTERRUPTED}
            self._record_client(
                task.method, request_attributes(task, self._claim.attempt) | error_type,
                failed(None) if error_type else OK, self._delivered_ns or ended_ns,
            )  # fmt: skip
        self._record_process(ended_ns, {events.STATE: State.QUEUED, events.REASON: INTERRUPTED}, OK)

    def _record_request(self, task: Task) -> None:
        attempt = self._attempt
        attributes = request_attributes(task, attempt.number) | response_attributes(attempt)
        wrong = attempt.status_code is None or attempt.status_code >= 400
        self._record_client(
            task.method, attributes | (error_type_attribute(attempt) if wrong else {}),
            # The conventions want no description beside a status code.
            failed(None if attempt.status_code else attempt.error) if wrong else OK,
            self._delivered_ns,
        )  # fmt: skip

    def _record_client(
        self, method: str, attributes: Attributes, status: Status, ended_ns: int
    ) -> None:
        self._spans.record(
            method, SpanKind.CLIENT, self.client, parent_id=self._process.span_id,
            started_ns=self._delivering_ns, ended_ns=ended_ns, attributes=attributes, status=status,
        )  # fmt: skip

    def _record_settlement(self, ended_ns: int, error: Exception | None) -> None:
        attributes = self._message(names.SETTLE) | {events.STATE: self._state}
        if error is not None:
            attributes[names.ERROR_TYPE] = type(error).__name__
        self._spans.record(
            f"{names.SETTLE} {self._queue}", SpanKind.CLIENT, self._process.span(new_span_id()),
            parent_id=self._process.span_id, started_ns=self._settling_ns, ended_ns=ended_ns,
            attributes=attributes, status=OK if error is None else failed(str(error)),
        )  # fmt: skip

    def _record_process(self, ended_ns: int, result: Attributes, status: Status) -> None:
        due_ns = self._claim.waiting_since_ms * 1_000_000
        waited: Attributes = {events.WAITED_MS: max(self._started_ns - due_ns, 0) / 1_000_000}
        self._spans.record(
            f"{names.PROCESS} {self._queue}", SpanKind.CONSUMER, self._process,
            parent_id=self._parent_id, parent_is_remote=True,
            started_ns=self._started_ns, ended_ns=ended_ns,
            attributes=self._message(names.PROCESS) | waited | result, status=status,
            events=[Event(events.TASK_DUE, waited, min(due_ns, self._started_ns))],
        )  # fmt: skip

    def _message(self, operation: str) -> Attributes:
        return message_attributes(self._claim, self._queue, operation)

    def _result(self) -> Attributes:
        attempt, decision = self._attempt, self._decision
        result: Attributes = {
            events.OUTCOME: attempt.outcome,
            events.DURATION_MS: attempt.duration_ms,
            events.STATE: self._state,
            events.STANDS_FOR: self._stands_for,
        }
        if attempt.status_code is not None:
            result[events.STATUS] = attempt.status_code
        if attempt.error is not None:
            result[events.REASON] = attempt.error
        if self._state is State.SCHEDULED and isinstance(decision, RetryAt):
            result[events.NEXT_DUE] = events.iso_time(decision.due_at_ms)
        return result
