"""A task that fails every 10 s for 24 h, its clock moved by hand: what its trace looks like."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest
from structlog.testing import capture_logs

from queue_common.queue import Claim
from queue_common.retry import Decision, RetryAt, RetryPolicy
from queue_common.task import Attempt, Outcome, Task, TaskId, new_task_id
from queue_common.tracing.context import TraceContext
from queue_common.tracing.settings import TraceSettings
from queue_common.tracing.tracer import Tracing
from queue_testing.tasks import a_context, a_task, now_ms
from queue_testing.telemetry.collector import Collector
from queue_testing.telemetry.seen_spans import SeenSpan
from queue_worker.attempt.process import Processor
from queue_worker.metrics import WorkerMetrics

INTERVAL_MS = 10_000
POLICY = RetryPolicy(INTERVAL_MS, 24 * 3600 * 1000)


class Queue:
    """Keeps what a task's record keeps between attempts."""

    def __init__(self) -> None:
        self.last: Attempt | None = None
        self.decision: Decision = RetryAt(0)

    async def defer(self, claim: Claim) -> None:
        raise AssertionError(claim)

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> bool:
        self.last = msgspec.msgpack.decode(msgspec.msgpack.encode(attempt), type=Attempt)
        self.decision = decision
        return False


class Failing:
    """Responds with 500, and 503 to every ``flaps``-th attempt."""

    def __init__(self, flaps: int) -> None:
        self._flaps = flaps

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        status = 503 if self._flaps and number % self._flaps == 0 else 500
        return Attempt(number, now_ms(), 1.0, Outcome.HTTP_ERROR, status, f"answered {status}")


def claim_after(number: int, last: Attempt | None) -> Claim:
    """Return the claim of attempt ``number``, as it is when all before took their interval."""
    accepted_at_ms = now_ms() - (number - 1) * INTERVAL_MS
    task = msgspec.structs.replace(
        a_task(), accepted_at_ms=accepted_at_ms, trace_context=a_context(1).headers()
    )
    return Claim(
        task_id=new_task_id(), lane=task.lane, lease="worker/1", attempt=number, interrupted=0,
        waiting_since_ms=now_ms(), task=task, unreadable=None, last_attempt=last,
        cancel_requested=False, raw=b"", record=None, size=0,
    )  # fmt: skip


async def a_day(collector: Collector, flaps: int) -> tuple[int, list[SeenSpan]]:
    """Process claim after claim until the task is settled; return how many, and the spans."""
    settings = TraceSettings(
        otel_exporter_otlp_endpoint=collector.url, otel_bsp_max_queue_size=100_000
    )
    tracing, queue = Tracing(settings, "queue-worker", "tasks"), Queue()
    processor = Processor(queue, Failing(flaps), POLICY, tracing, WorkerMetrics("tasks"))
    for number in itertools.count(1):
        await processor.process(claim_after(number, queue.last))
        if not isinstance(queue.decision, RetryAt):
            break
    await asyncio.to_thread(tracing.shutdown)
    return number, collector.spans


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.mark.parametrize("flaps", [0, 2, 50], ids=["the same", "flapping", "now and then"])
async def test_a_days_trace_can_be_read(collector: Collector, flaps: int) -> None:
    """After a day at most 60 attempts are in the trace, the last dead; none is uncounted."""
    with capture_logs():
        made, spans = await a_day(collector, flaps)
    attempts = collector.named("process tasks")

    assert made >= 8640
    assert len(attempts) <= 60
    assert sum(span.attributes["stands_for_attempts"] for span in attempts) == made
    assert attempts[-1].attributes["state"] == "dead"
    assert len(spans) == 3 * len(attempts)
