"""Delivery: makes a task's request. A failed delivery is a value, not an exception."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from queue_common.lanes import split_lane
from queue_common.options import matches_status
from queue_common.signing import HEADERS as SIGNATURE_HEADERS
from queue_common.signing import signature_headers
from queue_common.task import Attempt, Outcome

from ..transport import Request, Response, UnsendableRequestError
from .deadlines import Deadlines
from .history import Phases
from .outcomes import outcome_of
from .retry_after import asked_pause_ms

if TYPE_CHECKING:
    from queue_common.signing import SigningSecrets
    from queue_common.task import Task, TaskId
    from queue_common.tracing.context import TraceContext

    from ..transport import Client, Propagate
    from ..transport.messages import Header
    from .history import History

__all__ = ["MAX_ERROR_CHARACTERS", "Deliverer"]

MAX_ERROR_CHARACTERS = 300
USER_AGENT = f"queue-system/{version('queue-worker')}".encode()
_CONNECTED = frozenset({"send", "answer"})
"""The phases of an attempt whose destination has taken the connection."""
OWN_HEADERS = (
    frozenset({"x-task-id", "x-task-attempt", "traceparent", "tracestate"}) | SIGNATURE_HEADERS
)
"""Headers by which the destination detects repeated requests, verifies them and continues the
trace. A task's own values for them are not sent."""


class Deliverer:
    """Makes attempts over the HTTP client."""

    def __init__(
        self,
        transport: Client,
        *,
        timeout_seconds: float,
        propagate: Propagate = "internal",
        history: History | None = None,
        signing: SigningSecrets | None = None,
    ) -> None:
        """``history`` says what is kept of attempts beside their outcome; None: nothing.

        Requests are signed with the secrets of ``signing``.
        """
        self._signing = signing
        self._transport = transport
        self._propagate = propagate
        self._history = history
        self._timeout_seconds = timeout_seconds
        self._deadlines = Deadlines(timeout_seconds)

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        """Make attempt ``number`` and return its result; the request is a span of ``trace``.

        Redirects are not followed. At most 1 MiB of the response is read, and 1 KiB of a failure's
        response is kept. Raises only cancellation and bugs, which are no failures of the delivery.
        """
        progress = _AttemptProgress(number)
        options = task.options
        if options is not None:
            progress.success = options.success
            progress.timeout_seconds = options.timeout_ms and options.timeout_ms / 1000
            progress.keeps_excerpt = options.callback is not None
        if self._signing is not None and not self._signing.is_loaded:
            await self._signing.until_loaded()
        deadline = self._deadlines.begin(progress.timeout_seconds, progress.is_connecting)
        try:
            response = await self._transport.send(self._request(task_id, task, progress, trace))
        except BaseException as error:
            timed_out = self._deadlines.end(deadline)
            return self._failed(progress, TimeoutError() if timed_out else error)
        self._deadlines.end(deadline)
        return progress.responded(response, self._history)

    def _request(
        self, task_id: TaskId, task: Task, progress: _AttemptProgress, trace: TraceContext
    ) -> Request:
        own = task.headers
        given = {name.lower() for name in own}
        if not given.isdisjoint(OWN_HEADERS):
            own = {name: value for name, value in own.items() if name.lower() not in OWN_HEADERS}
        headers = [(name.encode(), value.encode()) for name, value in own.items()]
        if "user-agent" not in given:
            headers.append((b"User-Agent", USER_AGENT))
        headers += ((b"X-Task-Id", task_id.encode()), (b"X-Task-Attempt", b"%d" % progress.number))
        if self._signing is not None and not self._signing.is_unused:
            headers += self._signature(self._signing, task_id, task)
        if self._propagate == "none":
            return Request(task.method, task.url, headers, task.body, progress)
        headers.append((b"traceparent", trace.traceparent.encode()))
        if not (trace.tracestate or trace.baggage):
            return Request(task.method, task.url, headers, task.body, progress)
        context = _context(trace, with_baggage="baggage" not in given)
        if self._propagate == "internal":
            return Request(task.method, task.url, headers, task.body, progress, context)
        return Request(task.method, task.url, [*headers, *context], task.body, progress)

    def _signature(self, signing: SigningSecrets, task_id: TaskId, task: Task) -> list[Header]:
        keys = signing.of(split_lane(task.lane)[0])
        return signature_headers(keys, task_id, int(time.time()), task.body or b"") if keys else []

    def _failed(self, progress: _AttemptProgress, error: BaseException) -> Attempt:
        outcome = outcome_of(error)
        if outcome is None:
            raise error
        explanation = self._explain(outcome, progress, error)
        return progress.failed(outcome, self._history, explanation)

    def _explain(self, outcome: Outcome, progress: _AttemptProgress, error: BaseException) -> str:
        if outcome is Outcome.TIMEOUT:
            seconds = progress.timeout_seconds or self._timeout_seconds
            if progress.is_connecting():
                seconds = min(seconds, self._timeout_seconds)
            return f"no response within {seconds:g} s; phase: {progress.phase}"
        if isinstance(error, UnsendableRequestError):
            return "the request cannot be sent: HTTP/1.1 has no form for one of its headers"
        return (str(error) or type(error).__name__)[:MAX_ERROR_CHARACTERS]


def _context(trace: TraceContext, *, with_baggage: bool) -> list[Header]:
    """Return the client's tracestate and baggage, which may be personal or internal.

    The task's own header ``baggage`` wins over the client's.
    """
    headers = []
    if trace.tracestate:
        headers.append((b"tracestate", trace.tracestate.encode()))
    if trace.baggage and with_baggage:
        headers.append((b"baggage", trace.baggage.encode()))
    return headers


class _AttemptProgress(Phases):
    """The start time and the current phase of an attempt."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self._started_at_ms = round(time.time() * 1000)
        self._begin = time.perf_counter()
        self.timeout_seconds: float | None = None
        """The task's own; None: the worker's."""
        self.success: tuple[int, ...] | None = None
        """The task's own; None: 2xx."""
        self.keeps_excerpt = False
        """Whether the beginning of a successful response is kept too: a callback tells it."""

    def is_connecting(self) -> bool:
        """Return whether the destination has not taken the connection yet."""
        return self.phase not in _CONNECTED

    def _duration_ms(self) -> float:
        return round((time.perf_counter() - self._begin) * 1000, 2)

    def failed(self, outcome: Outcome, history: History | None, error: str) -> Attempt:
        phase = self.phase if outcome is Outcome.TIMEOUT else None
        attempt = Attempt(
            self.number, self._started_at_ms, self._duration_ms(), outcome, None, error, phase
        )
        return attempt if history is None else history.add(attempt, self)

    def responded(self, response: Response, history: History | None) -> Attempt:
        attempt = self._responded(response, history)
        if self.keeps_excerpt and attempt.response_excerpt is None:
            excerpt = response.body.decode(errors="replace") or None
            attempt = msgspec.structs.replace(attempt, response_excerpt=excerpt)
        return attempt

    def _responded(self, response: Response, history: History | None) -> Attempt:
        duration_ms = self._duration_ms()
        status = response.status_code
        success = self.success
        if 200 <= status < 300 if success is None else matches_status(success, status):
            if history is not None:
                return history.delivered(
                    self, self.number, self._started_at_ms, duration_ms, response
                )
            return Attempt(self.number, self._started_at_ms, duration_ms, Outcome.DELIVERED, status)
        now_ms = self._started_at_ms + round(duration_ms)
        attempt = Attempt(
            self.number,
            self._started_at_ms,
            duration_ms,
            Outcome.HTTP_ERROR,
            status,
            f"answered {status}",
            response_excerpt=response.body.decode(errors="replace") or None,
            retry_after_ms=asked_pause_ms(status, response.headers, now_ms),
        )
        return attempt if history is None else history.add(attempt, self, response)
