"""Operations: cancel, run now, requeue, purge, pause and resume."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from queue_common.errors import UnknownTaskError, WrongStateError
from queue_common.options import Rerun, Retry, TaskOptions
from queue_common.queue import TaskQueue
from queue_common.retry import Dead, Done, RetryAt, RetryPolicy, deadline_of, decide
from queue_common.task import Outcome, State, TaskId
from queue_testing.inspector import QueueInspector
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

ONE = TaskId("1")


async def _bring_to(state: State, queue: ScriptedQueue) -> None:
    """Let the task ``1`` come into a state."""
    await queue.register("worker")
    delay_ms = 3_600_000 if state is State.SCHEDULED else 0
    await queue.submit(ONE, a_task(lane="a"), delay_ms=delay_ms)
    if state is State.CANCELLED:
        await queue.operations.cancel(ONE)
    if state in {State.ACTIVE, State.DEAD, State.DELIVERED}:
        (claim,) = await queue.claim("worker")
        if state is not State.ACTIVE:
            await queue.settle(claim, Done() if state is State.DELIVERED else Dead("enough"))


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED])
async def test_waiting_task_is_cancelled_at_once(state: State, scripted: ScriptedQueue) -> None:
    """A queued or scheduled task that is cancelled is never claimed."""
    await _bring_to(state, scripted)
    found = await scripted.operations.cancel(ONE)
    record = await scripted.reader.record(ONE)

    assert (found, record.state) == (state, State.CANCELLED)
    assert await scripted.claim("worker") == []
    assert not {k for k in (await scripted.inspector.check()).leftovers() if k != "t:1"}


async def test_active_task_is_cancelled_after_its_failed_attempt(scripted: ScriptedQueue) -> None:
    """The attempt of an active task ends normally, and the task is not retried."""
    await _bring_to(State.ACTIVE, scripted)
    found = await scripted.operations.cancel(ONE)
    (claim,) = [c for c in (await scripted.reader.list(State.ACTIVE)).tasks if c.id == ONE]
    during = await scripted.reader.record(ONE)

    assert (found, claim.state, during.cancel_requested) == (State.ACTIVE, State.ACTIVE, True)
    await scripted.inspector.check()


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Done(), State.DELIVERED),
        (RetryAt(now_ms()), State.CANCELLED),
        (Dead("enough"), State.CANCELLED),
    ],
    ids=["delivered", "failed", "failed for good"],
)
async def test_end_of_a_task_cancelled_while_active(
    decision: Done | RetryAt | Dead, state: State, scripted: ScriptedQueue
) -> None:
    """What was delivered is delivered; anything else of a cancelled task is cancelled."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task(lane="a"))
    (claim,) = await scripted.claim("worker")
    await scripted.operations.cancel(ONE)
    await scripted.settle(claim, decision)
    record = await scripted.reader.record(ONE)

    assert (record.state, record.attempts) == (state, 1)
    assert record.last_attempt() is not None
    await scripted.inspector.check()


@pytest.mark.parametrize(("decision", "told"), [(Done(), False), (RetryAt(0), True)])
async def test_the_worker_is_told_of_a_cancelled_task(
    decision: Done | RetryAt, told: bool, queue: TaskQueue
) -> None:
    """A settlement says whether it came to what was decided, or the task is cancelled instead."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(ONE, a_task())
    (claim,) = await queue.claim(1)
    await queue.operations.cancel(ONE)

    assert await queue.settle(claim, an_attempt(), decision) is told


async def test_task_is_cancelled_again_without_error(scripted: ScriptedQueue) -> None:
    """A repeated cancellation returns the same state as the first."""
    await _bring_to(State.CANCELLED, scripted)

    assert await scripted.operations.cancel(ONE) is State.CANCELLED
    await scripted.inspector.check()


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD])
async def test_settled_task_cannot_be_cancelled(state: State, scripted: ScriptedQueue) -> None:
    """A settled task is not changed, and the caller gets an error."""
    await _bring_to(state, scripted)
    with pytest.raises(WrongStateError, match=f"task 1 is {state}"):
        await scripted.operations.cancel(ONE)

    assert (await scripted.reader.record(ONE)).state is state
    await scripted.inspector.check()


async def test_cancelled_id_can_be_sent_again_only_when_forgotten(scripted: ScriptedQueue) -> None:
    """While the record of a cancelled task is kept, its id is taken."""
    await _bring_to(State.CANCELLED, scripted)

    assert await scripted.submit(ONE, a_task(lane="a")) == 0
    await scripted.inspector.check()


async def test_scheduled_task_is_run_now(scripted: ScriptedQueue) -> None:
    """A scheduled task that is run now goes before all that wait in its lane."""
    await _bring_to(State.SCHEDULED, scripted)
    for i in range(3):
        await scripted.submit(f"before-{i}", a_task(lane="a"))
    await scripted.operations.run_now(ONE)
    (claim,) = await scripted.claim("worker", 1)

    assert claim.task_id == ONE
    await scripted.inspector.check()


async def test_run_now_wakes_an_idle_worker(queue: TaskQueue) -> None:
    """An idle worker starts it at once."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(ONE, a_task(), delay_ms=3_600_000)
    waiting = asyncio.create_task(queue.claim(1))
    await queue.operations.run_now(ONE)

    assert [claim.task_id for claim in await asyncio.wait_for(waiting, 4)] == [ONE]


@pytest.mark.parametrize("state", [s for s in State if s is not State.SCHEDULED])
async def test_only_scheduled_tasks_are_run_now(state: State, scripted: ScriptedQueue) -> None:
    """Any other task is left as it is, and the error names its state."""
    await _bring_to(state, scripted)
    with pytest.raises(WrongStateError, match=f"task 1 is {state}, not scheduled"):
        await scripted.operations.run_now(ONE)

    assert (await scripted.reader.record(ONE)).state is state
    await scripted.inspector.check()


async def test_dead_letter_is_requeued_with_a_new_deadline(scripted: ScriptedQueue) -> None:
    """A requeued dead letter is whole, is tried at once, and again until its new deadline."""
    task = msgspec.structs.replace(
        a_task(lane="a", body=b"whole", headers={"A": "1"}), accepted_at_ms=now_ms() - 90_000_000
    )
    await scripted.register("worker")
    await scripted.submit(ONE, task)
    (claim,) = await scripted.claim("worker")
    failed = an_attempt(Outcome.HTTP_ERROR, error="500")
    assert claim.task is not None
    decision = decide(failed, claim.task, RetryPolicy(), now_ms())
    await scripted.settle(claim, decision, failed)
    await scripted.operations.requeue(ONE, lifetime_ms=3_600_000)
    (again,) = await scripted.claim("worker")
    assert again.task is not None
    still = decide(failed, again.task, RetryPolicy(), now_ms() + 3_500_000)
    over = decide(failed, again.task, RetryPolicy(), now_ms() + 3_700_000)

    assert isinstance(decision, Dead)
    assert (again.attempt, again.task.body, again.task.headers) == (2, b"whole", {"A": "1"})
    assert again.last_attempt == failed
    assert isinstance(still, RetryAt)
    assert isinstance(over, Dead)
    await scripted.inspector.check()


async def test_a_task_that_is_run_keeps_its_own_deadline(scripted: ScriptedQueue) -> None:
    """It counts from each run on, and the attempts of the policy from the dead letter's run."""
    options = TaskOptions(delay_ms=864_000_000, retry=Retry(max_attempts=1))
    task = msgspec.structs.replace(
        a_task(lane="a"), accepted_at_ms=now_ms() - 3_600_000, options=options,
        retry_deadline_ms=864_000_000 + 5000,
    )  # fmt: skip
    await scripted.register("worker")
    await scripted.submit(ONE, task, delay_ms=864_000_000)
    await scripted.operations.run(ONE)
    early, begin = (await scripted.reader.record(ONE)).task(), now_ms()
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Dead("enough"))
    await scripted.operations.run(ONE)
    record = await scripted.reader.record(ONE)
    again = record.task()

    assert deadline_of(early, RetryPolicy()) == pytest.approx(begin + 5000, abs=2000)
    assert deadline_of(again, RetryPolicy()) == pytest.approx(begin + 5000, abs=2000)
    assert (early.rerun, again.rerun) == (Rerun(5000, 0), Rerun(5000, 1))
    assert again.is_whole(record.digest)
    await scripted.inspector.check()


async def test_requeued_poison_is_forgiven_its_crashes(scripted: ScriptedQueue) -> None:
    """A requeued poison task may kill three more workers."""
    await scripted.submit(ONE, a_task(lane="a"))
    for number in range(3):
        await scripted.register(f"victim-{number}")
        await scripted.claim(f"victim-{number}")
        await scripted.expire(f"victim-{number}")
        await scripted.reap()
    await scripted.operations.requeue(ONE)
    record = await scripted.reader.record(ONE)

    assert (record.state, record.interrupted) == (State.QUEUED, 0)
    await scripted.inspector.check()


@pytest.mark.parametrize("state", [s for s in State if s is not State.DEAD])
async def test_only_dead_letters_are_requeued(state: State, scripted: ScriptedQueue) -> None:
    """Any other task is left as it is, and the error names its state."""
    await _bring_to(state, scripted)
    with pytest.raises(WrongStateError, match=f"task 1 is {state}, not dead"):
        await scripted.operations.requeue(ONE)

    assert (await scripted.reader.record(ONE)).state is state
    await scripted.inspector.check()


async def test_operations_on_nothing_say_so(queue: TaskQueue) -> None:
    """Each operation on an unknown id raises UnknownTaskError."""
    operations = queue.operations
    for operation in (operations.cancel, operations.run_now, operations.requeue):
        with pytest.raises(UnknownTaskError, match="no task has the id 1"):
            await operation(ONE)


async def test_purge_empties_one_lane(scripted: ScriptedQueue) -> None:
    """A purged lane loses what waits and what is scheduled; active tasks and other lanes stay."""
    await scripted.register("worker")
    await scripted.submit_all([(f"a{i}", a_task(lane="a")) for i in range(2500)])
    await scripted.claim("worker", 3)
    await scripted.submit_all(
        [(f"s{i}", a_task(lane="a")) for i in range(1500)], delay_ms=3_600_000
    )
    await scripted.submit("other", a_task(lane="b"))
    removed = await scripted.operations.purge("a")
    counts, lane = await scripted.reader.count(), await scripted.reader.count("a")

    assert removed == 2497 + 1500
    assert (lane.queued, lane.scheduled, lane.active) == (0, 0, 3)
    assert counts.queued == 1
    assert (await scripted.reader.counters())["purged_total"] == removed
    await scripted.inspector.check()


async def test_purged_lane_leaves_nothing(scripted: ScriptedQueue) -> None:
    """A lane that only had waiting tasks is gone after its purge."""
    await scripted.submit("1", a_task(lane="a"))
    await scripted.submit("2", a_task(lane="a"), delay_ms=60_000)
    await scripted.operations.purge("a")
    snapshot = await scripted.inspector.check()

    assert not snapshot.leftovers()
    assert await scripted.operations.purge("a") == 0


async def test_paused_lane_is_not_claimed_from(scripted: ScriptedQueue) -> None:
    """A paused lane accepts tasks but is not claimed from; other lanes continue."""
    await scripted.register("worker")
    await scripted.submit("before", a_task(lane="a"))
    changed = [await scripted.operations.pause("a"), await scripted.operations.pause("a")]
    await scripted.submit("after", a_task(lane="a"))
    await scripted.submit("other", a_task(lane="b"))
    paused = await scripted.claim("worker")
    await scripted.inspector.check()
    changed += [await scripted.operations.resume("a"), await scripted.operations.resume("a")]
    resumed = await scripted.claim("worker")

    assert changed == [True, False, True, False]
    assert [claim.task_id for claim in paused] == ["other"]
    assert [claim.task_id for claim in resumed] == ["before", "after"]


async def test_active_tasks_of_a_paused_lane_can_be_settled(scripted: ScriptedQueue) -> None:
    """A pause cuts no attempt short, and its end does not resume the lane."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"))
    await scripted.submit("2", a_task(lane="a"))
    (claim,) = await scripted.claim("worker", 1)
    await scripted.operations.pause("a")
    settled = await scripted.settle(claim, RetryAt(now_ms()))

    assert settled
    assert await scripted.claim("worker") == []
    await scripted.inspector.check()


async def test_pause_of_all_stops_every_claim(
    queue: TaskQueue, inspector: QueueInspector
) -> None:  # fmt: skip
    """While all is paused nothing is claimed; the resumption wakes an idle worker."""
    await queue.start_consuming(worker_id="worker", concurrency=5)
    await queue.operations.pause()
    for i in range(3):
        await queue.submit(TaskId(str(i)), a_task(lane=f"lane-{i}"))
    waiting = asyncio.create_task(queue.claim(5))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    await queue.operations.resume()
    claims = await asyncio.wait_for(waiting, 4)

    assert not done
    assert len(claims) == 3
    await inspector.check()


async def test_lane_paused_by_name_outlives_the_resumption_of_all(scripted: ScriptedQueue) -> None:
    """Resuming all leaves a lane paused that was paused by its name."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"))
    await scripted.operations.pause("a")
    await scripted.operations.pause()
    await scripted.operations.resume()

    assert await scripted.claim("worker") == []
    await scripted.operations.resume("a")
    assert len(await scripted.claim("worker")) == 1
