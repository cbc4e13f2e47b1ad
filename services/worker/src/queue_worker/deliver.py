"""One attempt: the request is made, and what came of it is a value, never an exception."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx

from queue_common.task import Attempt, Outcome

from .outcomes import outcome_of
from .retry_after import retry_after_ms
from .transport import build_request
from .transport.limits import ANSWER_KEPT_BYTES, ANSWER_READ_BYTES

if TYPE_CHECKING:
    from queue_common.task import Task, TaskId
    from queue_common.telemetry.trace_context import TraceContext

__all__ = ["ERROR_KEPT_CHARACTERS", "Deliverer"]

ERROR_KEPT_CHARACTERS = 300
USER_AGENT = f"queue-system/{version('queue-worker')}".encode()
OURS = frozenset({"x-task-id", "x-task-attempt", "traceparent", "tracestate"})
"""By these the destination tells repetitions apart and goes on with the trace: what a task says of
them itself is not sent."""


class Deliverer:
    """Makes attempts over a transport."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, timeout_seconds: float) -> None:
        self._transport = transport
        self._timeout_seconds = timeout_seconds

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        """Make attempt ``number`` and return what it came to; the request is a span of ``trace``.

        Redirects are not followed. At most 1 MiB of the answer is read; of a failure's answer 1 KiB
        is kept. Raises only what is no failure of the delivery: cancellation, and bugs.
        """
        run = _Run(number)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(run, _request(task_id, task, number, run, trace))
        except Exception as error:
            outcome = outcome_of(error)
            if outcome is None:
                raise
            return run.failed(outcome, self._explain(outcome, run.phase, error))

    async def _exchange(self, run: _Run, request: httpx.Request) -> Attempt:
        response = await self._transport.handle_async_request(request)
        try:
            begin = await _read(response)
        finally:
            await response.aclose()
        return run.answered(response, begin)

    def _explain(self, outcome: Outcome, phase: str, error: Exception) -> str:
        if outcome is Outcome.TIMEOUT:
            return f"no answer within {self._timeout_seconds:g} s; it was at: {phase}"
        if isinstance(error, httpx.LocalProtocolError):
            # The library's words quote the header, and with it what may be a secret.
            return "the request cannot be sent: HTTP/1.1 has no form for one of its headers"
        return (str(error) or type(error).__name__)[:ERROR_KEPT_CHARACTERS]


def _request(
    task_id: TaskId, task: Task, number: int, run: _Run, trace: TraceContext
) -> httpx.Request:
    headers = [
        (name.encode(), value.encode())
        for name, value in task.headers.items()
        if name.lower() not in OURS
    ]
    if not any(name.lower() == b"user-agent" for name, _ in headers):
        headers.append((b"User-Agent", USER_AGENT))
    headers.append((b"X-Task-Id", task_id.encode()))
    headers.append((b"X-Task-Attempt", b"%d" % number))
    headers.append((b"traceparent", trace.traceparent.encode()))
    if trace.tracestate:
        headers.append((b"tracestate", trace.tracestate.encode()))
    # What the task itself says to its destination goes before what its client told everybody.
    if trace.baggage and not any(name.lower() == b"baggage" for name, _ in headers):
        headers.append((b"baggage", trace.baggage.encode()))
    return build_request(task.method, task.url, headers, task.body, {"progress": run})


async def _read(response: httpx.Response) -> bytes:
    """Read the answer up to its limit and return its beginning."""
    begin = b""
    size = 0
    async for chunk in response.aiter_raw():
        if len(begin) < ANSWER_KEPT_BYTES:
            begin += chunk[: ANSWER_KEPT_BYTES - len(begin)]
        size += len(chunk)
        if size >= ANSWER_READ_BYTES:
            break
    return begin


class _Run:
    """One attempt under way: its clock, and how far it got."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._started_at_ms = round(time.time() * 1000)
        self._begin = time.perf_counter()
        self.phase = "connect"

    def _duration_ms(self) -> float:
        return round((time.perf_counter() - self._begin) * 1000, 2)

    def failed(self, outcome: Outcome, error: str) -> Attempt:
        phase = self.phase if outcome is Outcome.TIMEOUT else None
        return Attempt(
            self._number, self._started_at_ms, self._duration_ms(), outcome, None, error, phase
        )

    def answered(self, response: httpx.Response, begin: bytes) -> Attempt:
        duration_ms = self._duration_ms()
        status = response.status_code
        if 200 <= status < 300:
            return Attempt(
                self._number, self._started_at_ms, duration_ms, Outcome.DELIVERED, status
            )
        now_ms = self._started_at_ms + round(duration_ms)
        return Attempt(
            self._number,
            self._started_at_ms,
            duration_ms,
            Outcome.HTTP_ERROR,
            status,
            f"answered {status}",
            answer=begin.decode(errors="replace") or None,
            retry_after_ms=retry_after_ms(status, response.headers.get("retry-after"), now_ms),
        )
