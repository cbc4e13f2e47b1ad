"""One claim from delivery to settlement, and what the log says of it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from queue_common.errors import LeaseLostError
from queue_common.queue import Claim
from queue_common.retry import Dead, Decision, Done, RetryAt, RetryPolicy
from queue_common.task import Attempt, Outcome, Task, TaskId
from queue_common.tracing.context import TraceContext
from queue_common.tracing.settings import TraceSettings
from queue_common.tracing.tracer import Tracing
from queue_testing.tasks import a_task, an_attempt, now_ms
from queue_worker.attempt.process import Processor, SupportsDeliver
from queue_worker.attempt.settle import SupportsSettle
from queue_worker.metrics import WorkerMetrics
from queue_worker.transport import AddressBusyError

TASK_ID = TaskId("01a20d98-82b5-7111-9858-f3ef6d08a280")
POLICY = RetryPolicy(interval_ms=10_000, deadline_ms=60_000)
METRICS = WorkerMetrics("tasks")


TRACING = Tracing(TraceSettings(), "queue-worker", "tasks")


def a_processor(queue: SupportsSettle, deliverer: SupportsDeliver) -> Processor:
    return Processor(queue, deliverer, POLICY, TRACING, METRICS)


class Settled(NamedTuple):
    claim: Claim
    attempt: Attempt
    decision: Decision


class FakeQueue:
    """Remembers what is settled; raises what it is given instead, in turn."""

    def __init__(self, *errors: Exception) -> None:
        self.settled: list[Settled] = []
        self.deferred: list[Claim] = []
        self._errors = list(errors)

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> bool:
        if self._errors:
            raise self._errors.pop(0)
        self.settled.append(Settled(claim, attempt, decision))
        return False

    async def defer(self, claim: Claim) -> None:
        self.deferred.append(claim)


class FakeDeliverer:
    """Each attempt comes to ``result``."""

    def __init__(self, result: Attempt | Exception) -> None:
        self.made: list[int] = []
        self._result = result

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        self.made.append(number)
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


class Hanging:
    """Never comes to an end."""

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        await asyncio.Event().wait()
        raise AssertionError


def a_claim(task: Task | None = None, *, attempt: int = 1, unreadable: str | None = None) -> Claim:
    if task is None and unreadable is None:
        task = a_task("http://destination.test/hook?token=s3cret", headers={"Authorization": "s3"})
    return Claim(
        task_id=TASK_ID, lane="destination.test:80", lease="worker/1", attempt=attempt,
        interrupted=0, waiting_since_ms=0, task=task, unreadable=unreadable, last_attempt=None,
        cancel_requested=False, raw=b"", record=None, size=0,
    )  # fmt: skip


async def settled(
    result: Attempt | Exception, claim: Claim | None = None, *errors: Exception
) -> Settled:
    """Process a claim whose attempt comes to ``result``; return how it was settled."""
    queue = FakeQueue(*errors)
    await a_processor(queue, FakeDeliverer(result)).process(claim or a_claim())
    (only,) = queue.settled
    return only


async def test_a_delivered_task_is_done() -> None:
    """A delivered attempt settles the task as done."""
    result = an_attempt(Outcome.DELIVERED)

    written = await settled(result)

    assert (written.attempt, written.decision) == (result, Done())


async def test_a_failed_task_is_tried_again() -> None:
    """A failed attempt schedules the next one, the interval from now."""
    before = now_ms()

    written = await settled(an_attempt(Outcome.HTTP_ERROR))

    assert isinstance(written.decision, RetryAt)
    assert before + 10_000 <= written.decision.due_at_ms <= now_ms() + 10_000


async def test_a_task_past_its_deadline_is_dead() -> None:
    """A failed attempt after which no other would begin in time makes the task a dead letter."""
    old = Task(1, "http://x.test/", "GET", {}, None, now_ms() - 55_000, "x.test:80")

    written = await settled(an_attempt(Outcome.HTTP_ERROR, error="answered 500"), a_claim(old))

    assert written.decision == Dead("deadline passed after 1 attempts; last: answered 500")


async def test_a_task_found_past_its_deadline_is_not_sent() -> None:
    """A task whose deadline passed while it waited is dead without another request."""
    queue, deliverer = FakeQueue(), FakeDeliverer(an_attempt())
    late = Task(1, "http://x.test/", "GET", {}, None, now_ms() - 61_000, "x.test:80")

    await a_processor(queue, deliverer).process(a_claim(late))

    (written,) = queue.settled
    assert written.attempt.outcome is Outcome.EXPIRED
    assert isinstance(written.decision, Dead)
    assert deliverer.made == []


async def test_the_attempts_number_is_the_claims() -> None:
    """The attempt made is the one the claim says is due."""
    deliverer = FakeDeliverer(an_attempt())

    await a_processor(FakeQueue(), deliverer).process(a_claim(attempt=7))

    assert deliverer.made == [7]


async def test_an_unreadable_record_is_dead() -> None:
    """A task that cannot be read becomes a dead letter with the reason; no request is made."""
    queue, deliverer = FakeQueue(), FakeDeliverer(an_attempt())
    claim = a_claim(unreadable="the task's record has version 9, this release reads 1")

    await a_processor(queue, deliverer).process(claim)

    (written,) = queue.settled
    assert written.attempt.outcome is Outcome.UNREADABLE
    assert written.decision == Dead("the task's record has version 9, this release reads 1")
    assert deliverer.made == []


async def test_a_fault_of_our_own_is_a_failed_attempt() -> None:
    """An exception on the way is logged and the task tried again, neither lost nor spun on."""
    with capture_logs() as lines:
        written = await settled(ZeroDivisionError("ours"))

    assert written.attempt.outcome is Outcome.WORKER_ERROR
    assert isinstance(written.decision, RetryAt)
    assert [line["event"] for line in lines] == ["process.failed", "delivery.attempted"]
    assert lines[0]["exc_info"] is True


async def test_a_fault_in_settling_is_a_failed_attempt() -> None:
    """A decision that cannot be written for a reason of our own gives way to another attempt."""
    written = await settled(an_attempt(), None, OverflowError("too large"))

    assert written.attempt.outcome is Outcome.WORKER_ERROR
    assert isinstance(written.decision, RetryAt)


async def test_a_cancelled_claim_is_left_unsettled() -> None:
    """Cancelled, a claim is not settled: whoever cancelled gives it back."""
    queue = FakeQueue()
    hanging: SupportsDeliver = Hanging()
    processing = asyncio.create_task(a_processor(queue, hanging).process(a_claim()))
    await asyncio.sleep(0)
    processing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await processing

    assert queue.settled == []


async def test_an_attempt_is_one_line() -> None:
    """The log has one line an attempt, with the fields that tell it and when the next is due."""
    with capture_logs() as lines:
        written = await settled(an_attempt(Outcome.HTTP_ERROR, error="answered 500"))

    (line,) = lines
    assert isinstance(written.decision, RetryAt)
    assert line.pop("next_due").endswith("+00:00")
    assert len(line.pop("span_id")) == 16
    assert line == {
        "event": "delivery.attempted", "log_level": "info", "task_id": TASK_ID, "attempt": 1,
        "outcome": "http_error", "status": 500, "duration_ms": 1.5, "lane": "destination.test:80",
        "reason": "answered 500", "trace_id": TASK_ID.replace("-", ""),
    }  # fmt: skip


async def test_a_death_is_a_warning() -> None:
    """A task that dies is a line of its own, a warning with the reason."""
    with capture_logs() as lines:
        await settled(an_attempt(), a_claim(unreadable="gibberish"))

    assert [line["event"] for line in lines] == ["delivery.attempted", "task.died"]
    assert (lines[1]["log_level"], lines[1]["reason"]) == ("warning", "gibberish")


async def test_secrets_are_not_logged() -> None:
    """Neither query strings nor headers nor bodies reach the log."""
    with capture_logs() as lines:
        await settled(an_attempt(Outcome.TIMEOUT, error="no answer within 30 s"))

    assert "s3" not in repr(lines)


async def test_a_lost_lease_is_told() -> None:
    """A claim that went into other hands raises nothing and promises nothing in the log."""
    queue = FakeQueue(LeaseLostError("not this worker's"))
    processor = Processor(
        queue, FakeDeliverer(an_attempt(Outcome.HTTP_ERROR)), POLICY, TRACING, METRICS
    )

    with capture_logs() as lines:
        await processor.process(a_claim())

    assert queue.settled == []
    assert [line["event"] for line in lines] == ["delivery.attempted", "settle.lease_lost"]
    assert "next_due" not in lines[0]


async def test_busy_address_is_no_attempt() -> None:
    """A claim whose address is tried enough already goes back, and nothing is counted or logged."""
    queue = FakeQueue()
    claim = a_claim()
    with capture_logs() as logs:
        await a_processor(queue, FakeDeliverer(AddressBusyError("it hangs"))).process(claim)

    assert (queue.deferred, queue.settled, logs) == ([claim], [], [])
