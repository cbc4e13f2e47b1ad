"""The spans of one attempt: what they say, and under whom they stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from queue_common.errors import LeaseLostError
from queue_common.queue import Claim
from queue_common.retry import Decision, RetryPolicy
from queue_common.task import Attempt, Outcome, Task, TaskId
from queue_common.tracing.context import TraceContext
from queue_common.tracing.settings import TraceSettings
from queue_common.tracing.tracer import Tracing
from queue_testing.tasks import a_context, a_task, an_attempt, now_ms
from queue_testing.telemetry.collector import Collector
from queue_testing.telemetry.seen_spans import SeenSpan
from queue_worker.attempt.process import Processor
from queue_worker.metrics import WorkerMetrics

TASK_ID = TaskId("01a20d98-82b5-7111-9858-f3ef6d08a280")
SENT = a_context(flags=1)
POLICY = RetryPolicy(interval_ms=10_000, deadline_ms=60_000)


class Queue:
    """Settles everything, or raises."""

    def __init__(self, error: Exception | None = None, *, cancelled: bool = False) -> None:
        self.written: list[Attempt] = []
        self._error = error
        self._cancelled = cancelled

    async def defer(self, claim: Claim) -> None:
        raise AssertionError(claim)

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> bool:
        if self._error is not None:
            raise self._error
        self.written.append(attempt)
        return self._cancelled


class Deliverer:
    """Each attempt comes to ``result``; remembers what the destination was handed."""

    def __init__(self, result: Attempt) -> None:
        self.handed: list[TraceContext] = []
        self._result = result

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        self.handed.append(trace)
        return self._result


def a_claim(url: str = "http://x.test/hook", **fields: Any) -> Claim:  # noqa: ANN401 - any field
    task = msgspec.structs.replace(a_task(url), trace_context=SENT.headers())
    claim = Claim(
        task_id=TASK_ID, lane="x.test:80", lease="worker/1", attempt=1, interrupted=0,
        waiting_since_ms=now_ms() - 5000, task=task, unreadable=None, last_attempt=None,
        cancel_requested=False, raw=b"", record=None, size=0,
    )  # fmt: skip
    return msgspec.structs.replace(claim, **fields)


class Traced:
    """Processes claims and tells the spans that reached the collector."""

    def __init__(self, collector: Collector) -> None:
        self.queue = Queue()
        self.deliverer: type[Deliverer] = Deliverer
        self.handed: list[TraceContext] = []
        self._collector = collector

    async def spans(self, result: Attempt, claim: Claim | None = None) -> dict[str, SeenSpan]:
        settings = TraceSettings(otel_exporter_otlp_endpoint=self._collector.url)
        tracing = Tracing(settings, "queue-worker", "tasks")
        deliverer = self.deliverer(result)
        try:
            processor = Processor(self.queue, deliverer, POLICY, tracing, WorkerMetrics("tasks"))
            await processor.process(claim or a_claim())
        finally:
            self.handed += deliverer.handed
            await asyncio.to_thread(tracing.shutdown)
        return self.arrived()

    def arrived(self) -> dict[str, SeenSpan]:
        return {span.name: span for span in self._collector.spans}


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    async with Collector() as collector:
        yield Traced(collector)


async def test_an_attempt_is_three_spans_under_the_send_span(traced: Traced) -> None:
    """The process span is the send span's child, and request and settlement are its children."""
    spans = await traced.spans(an_attempt())
    process = spans["process tasks"]

    assert {name: span.kind for name, span in spans.items()} == {
        "process tasks": "consumer", "POST": "client", "settle tasks": "client",
    }  # fmt: skip
    assert {span.trace_id for span in spans.values()} == {SENT.trace_id}
    assert len({span.span_id for span in spans.values()}) == 3
    assert process.parent_id == SENT.span_id
    assert spans["POST"].parent_id == spans["settle tasks"].parent_id == process.span_id
    assert not any(span.error for span in spans.values())


async def test_the_destination_is_handed_the_client_span(traced: Traced) -> None:
    """What goes out is the id of the POST span, sampled as the trace is."""
    spans = await traced.spans(an_attempt())
    (handed,) = traced.handed

    assert (handed.span_id, handed.flags) == (spans["POST"].span_id, 1)


async def test_spans_follow_the_conventions(traced: Traced) -> None:
    """Messaging and HTTP attributes have their standard names and values."""
    spans = await traced.spans(an_attempt())
    process, request = spans["process tasks"].attributes, spans["POST"].attributes

    assert process.items() >= {
        "messaging.system": "saq", "messaging.destination.name": "tasks",
        "messaging.message.id": TASK_ID, "messaging.operation.type": "process",
        "messaging.operation.name": "process",
    }.items()  # fmt: skip
    assert request == {
        "http.request.method": "POST", "url.full": "http://x.test/hook",
        "server.address": "x.test", "server.port": 80, "http.response.status_code": 200,
    }  # fmt: skip
    assert spans["settle tasks"].attributes["messaging.operation.type"] == "settle"


async def test_spans_name_things_as_the_log_does(traced: Traced) -> None:
    """Beside the conventions' names the process span has those of the log line."""
    spans = await traced.spans(an_attempt(Outcome.HTTP_ERROR, error="answered 500"))

    assert spans["process tasks"].attributes.items() >= {
        "task_id": TASK_ID, "lane": "x.test:80", "attempt": 1, "outcome": "http_error",
        "status": 500, "duration_ms": 1.5, "reason": "answered 500", "state": "scheduled",
        "stands_for_attempts": 1,
    }.items()  # fmt: skip
    assert spans["process tasks"].attributes["next_due"].endswith("+00:00")


async def test_the_time_waited_is_told(traced: Traced) -> None:
    """How long the task waited is an attribute, and since when an event."""
    claim = a_claim()
    process = (await traced.spans(an_attempt(), claim))["process tasks"]
    due_ns = claim.waiting_since_ms * 1_000_000

    assert process.events == {"task.due": due_ns}
    assert process.attributes["waited_ms"] == (process.started_ns - due_ns) / 1_000_000
    assert process.attributes["waited_ms"] >= 5000


@pytest.mark.parametrize(
    ("result", "error_type", "client_fails"),
    [
        (an_attempt(Outcome.HTTP_ERROR), "500", True),
        (Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 404), "404", True),
        (Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 302), "302", False),
        (Attempt(1, 0, 1.0, Outcome.TIMEOUT, error="no answer", phase="answer"), "timeout", True),
        (Attempt(1, 0, 1.0, Outcome.DNS_ERROR, error="no such host"), "dns_error", True),
    ],
    ids=["5xx", "4xx", "3xx", "timeout", "dns"],
)
async def test_failures_are_errors(
    traced: Traced, result: Attempt, error_type: str, client_fails: bool
) -> None:
    """A failed attempt is an error with its type; a redirect is one to us, but not to HTTP."""
    spans = await traced.spans(result)
    process, request = spans["process tasks"], spans["POST"]

    assert (process.error, process.attributes["error.type"]) == (True, error_type)
    assert request.error is client_fails
    assert request.attributes.get("error.type") == (error_type if client_fails else None)
    assert request.attributes.get("phase") == result.phase


async def test_a_repetition_counts_its_predecessors(traced: Traced) -> None:
    """The third attempt's request has been sent twice before."""
    spans = await traced.spans(an_attempt(number=3), a_claim(attempt=3))

    assert spans["POST"].attributes["http.request.resend_count"] == 2


async def test_the_url_has_no_secrets(traced: Traced) -> None:
    """Query string and credentials are not in any span."""
    claim = a_claim("https://user:s3cret@x.test:8443/hook?token=s3cret")
    spans = await traced.spans(an_attempt(), claim)

    assert spans["POST"].attributes["url.full"] == "https://x.test:8443/hook"
    assert spans["POST"].attributes["server.port"] == 8443
    assert "s3cret" not in repr(spans)


async def test_a_request_that_was_not_made_is_no_span(traced: Traced) -> None:
    """A task found past its deadline is dead, and its trace says so without a request."""
    task = msgspec.structs.replace(a_task(), accepted_at_ms=0, trace_context=SENT.headers())
    spans = await traced.spans(an_attempt(), a_claim(task=task))

    assert set(spans) == {"process tasks", "settle tasks"}
    assert spans["process tasks"].attributes["outcome"] == "expired"
    assert spans["settle tasks"].attributes["state"] == "dead"


async def test_a_lost_lease_is_an_error_of_the_settlement(traced: Traced) -> None:
    """An attempt that could not be settled says so in its settle span."""
    traced.queue = Queue(LeaseLostError("not this worker's"))
    settle = (await traced.spans(an_attempt()))["settle tasks"]

    assert (settle.error, settle.attributes["error.type"]) == (True, "LeaseLostError")


async def test_a_cancelled_tasks_last_attempt_is_kept(traced: Traced) -> None:
    """The attempt after which a task is cancelled is seen, though another would be left out."""
    traced.queue = Queue(cancelled=True)
    last = Attempt(699, 0, 1.0, Outcome.HTTP_ERROR, 500, left_out=30)
    spans = await traced.spans(
        an_attempt(Outcome.HTTP_ERROR, number=700), a_claim(attempt=700, last_attempt=last)
    )

    assert spans["settle tasks"].attributes["state"] == "cancelled"
    assert spans["process tasks"].attributes["stands_for_attempts"] == 31


async def test_an_attempt_left_out_is_remembered(traced: Traced) -> None:
    """A thinned-out attempt has no span at all; the record says how many were left out."""
    last = Attempt(699, 0, 1.0, Outcome.HTTP_ERROR, 500, left_out=30)
    spans = await traced.spans(
        an_attempt(Outcome.HTTP_ERROR, number=700), a_claim(attempt=700, last_attempt=last)
    )

    assert spans == {}
    assert [attempt.left_out for attempt in traced.queue.written] == [31]


class Stopped(Deliverer):
    """The worker stops while the request is under way."""

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        await super().deliver(task_id, task, number, trace)
        raise asyncio.CancelledError


async def test_an_attempt_given_back_is_seen(traced: Traced) -> None:
    """An attempt that a stop cut short is two spans: queued again, and a request without an end."""
    traced.deliverer = Stopped
    with pytest.raises(asyncio.CancelledError):
        await traced.spans(an_attempt())
    spans = traced.arrived()

    assert set(spans) == {"process tasks", "POST"}
    assert spans["process tasks"].attributes["state"] == "queued"
    assert not spans["process tasks"].error
    assert spans["POST"].attributes["error.type"] == "worker_stopped"
    assert spans["POST"].span_id == traced.handed[0].span_id


async def test_an_unrecorded_trace_makes_no_span(traced: Traced) -> None:
    """A task whose trace is not recorded hands its ids on, flags 00, and exports nothing."""
    context = a_context(flags=0)
    task = msgspec.structs.replace(a_task(), trace_context=context.headers())
    spans = await traced.spans(an_attempt(), a_claim(task=task))
    (handed,) = traced.handed

    assert spans == {}
    assert (handed.trace_id, handed.flags) == (context.trace_id, 0)
    assert handed.span_id != context.span_id


async def test_a_task_without_a_context_has_a_trace_of_its_own(traced: Traced) -> None:
    """Attempts of a task that carries no context share one trace, named after the task."""
    claim = a_claim(task=a_task())
    await traced.spans(an_attempt(), claim)
    await traced.spans(an_attempt(), claim)

    assert {handed.trace_id for handed in traced.handed} == {TASK_ID.replace("-", "")}
    assert len({handed.span_id for handed in traced.handed}) == 2


async def test_an_id_that_is_no_trace_id_gives_a_random_one(traced: Traced) -> None:
    """A job's key of 32 characters, not all of them hexadecimal, names no trace."""
    await traced.spans(an_attempt(), a_claim(task=a_task(), task_id=TaskId("z" * 32)))

    (handed,) = traced.handed
    assert int(handed.trace_id, 16) > 0


async def test_a_span_that_cannot_be_told_changes_nothing(traced: Traced) -> None:
    """A task whose URL the spans cannot describe is settled once, as it was delivered."""
    task = msgspec.structs.replace(
        a_task(), url="http://x.test:99999999/hook", trace_context=SENT.headers()
    )
    await traced.spans(an_attempt(), a_claim(task=task))

    assert [attempt.outcome for attempt in traced.queue.written] == [Outcome.DELIVERED]
