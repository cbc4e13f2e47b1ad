"""Callbacks: written with the settlement, moved by any worker, neither lost nor doubled."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from queue_common.callbacks import CallbackBody, callback_task
from queue_common.options import Callback, CallbackEvent, TaskOptions
from queue_common.queue import Claim, Key, TaskQueue
from queue_common.queue.consuming.outbox import Outbox
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.record import queued_record
from queue_common.queue.storage.scripts import Scripts
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Attempt, Outcome, State, Task, TaskId, new_task_id
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

ALL: tuple[CallbackEvent, ...] = ("delivered", "dead", "attempt")
TRACE = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "baggage": "k=v"}
LATER = RetryAt(4_000_000_000_000)


def a_mover(client: Redis, queue: TaskQueue) -> Outbox:
    scripts = Scripts(client, queue.name)
    return Outbox(client, scripts, queue.keys, queue.sealer, queue.activity)


def with_callback(on: tuple[CallbackEvent, ...] = ALL, lane: str = "source") -> Task:
    callback = Callback("http://told.test/done?x=1", on, {"Authorization": "s3cret"})
    return msgspec.structs.replace(
        a_task(lane=lane),
        trace_context=TRACE,
        options=TaskOptions(callback=callback, labels={"a": "b"}),
    )


def body_of(task: Task) -> CallbackBody:
    assert task.body is not None
    return msgspec.json.decode(task.body, type=CallbackBody)


@pytest.mark.parametrize(
    ("decision", "attempt", "event", "state"),
    [
        (Done(), an_attempt(), "delivered", State.DELIVERED),
        (Dead("no"), an_attempt(Outcome.HTTP_ERROR, error="500"), "dead", State.DEAD),
        (LATER, an_attempt(Outcome.TIMEOUT, error="late"), "attempt", State.SCHEDULED),
    ],
)
def test_a_callback_tells_what_became_of_a_task(
    decision: Decision, attempt: Attempt, event: str, state: State
) -> None:
    """It is a POST with the task's id, state and last attempt, in its trace, without a callback."""
    task_id, task = new_task_id(), with_callback()
    found = callback_task(task_id, task, attempt, decision, 7)

    assert found is not None
    _, told = found
    body = body_of(told)
    assert (body.event, body.task_id, body.state, body.attempts) == (event, task_id, state, 7)
    assert (body.outcome, body.status, body.error) == (
        attempt.outcome, attempt.status_code, attempt.error,
    )  # fmt: skip
    assert body.labels == {"a": "b"}
    assert (told.method, told.url, told.lane) == (
        "POST", "http://told.test/done?x=1", "told.test:80",
    )  # fmt: skip
    assert told.headers == {"Authorization": "s3cret", "Content-Type": "application/json"}
    assert told.trace_context == {"traceparent": TRACE["traceparent"]}
    assert told.options == TaskOptions(callback_of=task_id)


@pytest.mark.parametrize("decision", [Done(), Dead("no"), LATER])
def test_only_what_was_asked_for_is_told(decision: Decision) -> None:
    """A task without a callback, or for other events, tells nothing."""
    others = {Done: ("dead", "attempt"), Dead: ("delivered", "attempt"), RetryAt: ("dead",)}
    on = others[type(decision)]

    for task in (a_task(), with_callback(on)):  # type: ignore[arg-type]
        assert callback_task(new_task_id(), task, an_attempt(), decision, 1) is None


def test_the_same_attempt_has_the_same_callback() -> None:
    """The callback's id follows from the attempt; another attempt has another."""
    task_id, task, attempt = new_task_id(), with_callback(), an_attempt()
    ids = [
        found[0]
        for one in (attempt, attempt, msgspec.structs.replace(attempt, number=2))
        if (found := callback_task(task_id, task, one, Done(), 1)) is not None
    ]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0][14] == "8"


def test_a_callback_stays_in_its_project() -> None:
    """A project's callbacks are tasks of the project."""
    found = callback_task(
        new_task_id(), with_callback(lane="team\x1fsource"), an_attempt(), Done(), 1
    )

    assert found is not None
    assert found[1].lane == "team\x1ftold.test:80"


async def consuming(queue: TaskQueue) -> TaskQueue:
    await queue.start_consuming(worker_id="w", concurrency=10)
    return queue


async def claimed(queue: TaskQueue) -> Claim:
    async with asyncio.timeout(10):
        (claim,) = await queue.claim(1)
    assert claim.task is not None
    return claim


async def test_a_settlement_brings_its_callback(queue: TaskQueue) -> None:
    """Each settlement that was asked about is told by a task, at once."""
    await consuming(queue)
    task_id = new_task_id()
    await queue.submit(task_id, with_callback())
    first = await claimed(queue)
    await queue.settle(first, an_attempt(Outcome.TIMEOUT), RetryAt(now_ms()))

    events = []
    for _ in range(3):
        claim = await claimed(queue)
        if claim.task_id != task_id:
            assert claim.task is not None
            assert claim.task.options == TaskOptions(callback_of=task_id)
            events.append(body_of(claim.task).event)
        await queue.settle(claim, an_attempt(number=claim.attempt), Done())

    assert sorted(events) == ["attempt", "delivered"]


async def test_a_cancelled_task_tells_nothing(queue: TaskQueue, raw_redis: Redis) -> None:
    """A task that was cancelled during its attempt is neither delivered nor dead."""
    await consuming(queue)
    task_id = new_task_id()
    await queue.submit(task_id, with_callback())
    claim = await claimed(queue)
    await queue.operations.cancel(task_id)

    assert await queue.settle(claim, an_attempt(Outcome.TIMEOUT), Dead("no")) is True
    assert not await raw_redis.exists(queue.keys.of(Key.OUTBOX))
    assert (await queue.reader.count()).queued == 0


async def test_what_a_dead_worker_left_is_moved_by_another(
    scripted: ScriptedQueue, queue: TaskQueue
) -> None:
    """A worker that dies between a settlement and the move loses no callback."""
    await scripted.submit(new_task_id(), with_callback())
    await scripted.register("dies")
    (claim,) = await scripted.claim("dies")
    await scripted.settle(claim, Done(), an_attempt())  # and it is gone

    await consuming(queue)
    told = await claimed(queue)
    assert told.task is not None
    assert told.task.options == TaskOptions(callback_of=claim.task_id)


async def test_the_snapshot_counts_callbacks_on_their_way(
    scripted: ScriptedQueue, queue: TaskQueue, raw_redis: Redis
) -> None:
    """Each one that nobody has moved yet is counted, for the metric and its alert."""
    for _ in range(2):
        await scripted.submit(new_task_id(), with_callback())
    await scripted.register("w", 1000)
    for claim in await scripted.claim("w"):
        await scripted.settle(claim, Done(), an_attempt())
    left = (await scripted.snapshot()).outbox
    await a_mover(raw_redis, queue).move_all()

    assert (left, (await scripted.snapshot()).outbox) == (2, 0)


async def test_movers_at_once_double_nothing(
    scripted: ScriptedQueue, queue: TaskQueue, raw_redis: Redis
) -> None:
    """Workers that move at the same time, and again, store each callback once."""
    await scripted.register("w", 1000)
    for _ in range(250):
        await scripted.submit(new_task_id(), with_callback())
    for _ in range(3):
        for claim in await scripted.claim("w", 100):
            await scripted.settle(claim, Done(), an_attempt())
    movers = [a_mover(raw_redis, queue) for _ in range(4)]

    moved = await asyncio.gather(*(mover.move_all() for mover in movers))
    again = await movers[0].move_all()

    assert (sum(moved), again) == (250, 0)
    assert (await queue.reader.count()).queued == 250


async def test_callbacks_are_counted_and_told_as_they_are_moved(
    scripted: ScriptedQueue, queue: TaskQueue, raw_redis: Redis
) -> None:
    """Whoever watches hears of each once, and the stats have it among the accepted tasks."""
    await scripted.scripts.run("watch_events", 60_000)
    await scripted.submit(new_task_id(), with_callback())
    await scripted.register("w")
    (claim,) = await scripted.claim("w")
    await scripted.settle(claim, Done(), an_attempt())
    (entry,) = await reply(raw_redis.lrange(queue.keys.of(Key.OUTBOX), 0, -1))
    await reply(raw_redis.rpush(queue.keys.of(Key.OUTBOX), entry))
    mover = a_mover(raw_redis, queue)

    assert await mover.move_all() == 2
    await queue.activity.close()
    events = await raw_redis.xrange(queue.keys.of(Key.EVENTS))
    (event,) = [msgspec.json.decode(fields[b"e"]) for _, fields in events]
    assert (event["type"], event["lane"]) == ("task.accepted", "told.test:80")
    assert event["task_id"].encode() == entry[1:37]
    series, _ = await queue.rings.read("default")
    assert sum(point.accepted for point in series.points) == 1


async def test_an_entry_that_comes_twice_is_one_task(queue: TaskQueue, raw_redis: Redis) -> None:
    """Ids follow from the source: a repeated entry changes nothing."""
    found = callback_task(new_task_id(), with_callback(), an_attempt(), Done(), 1)
    assert found is not None
    own_id, told = found
    entry = b"T" + own_id.encode() + queued_record(told.lane, told.encode(), told.digest())
    await raw_redis.rpush(queue.keys.of(Key.OUTBOX), entry, entry)  # type: ignore[misc]
    mover = a_mover(raw_redis, queue)
    await mover.move_all()

    assert (await queue.reader.count()).queued == 1


async def test_a_poisoned_task_is_told_too(scripted: ScriptedQueue, queue: TaskQueue) -> None:
    """A task that no worker could settle is dead, and its callback says so."""
    task_id = new_task_id()
    await scripted.submit(task_id, with_callback(("dead",)))
    for worker in range(3):
        await scripted.register(f"dies {worker}")
        assert len(await scripted.claim(f"dies {worker}")) == 1
        await scripted.expire(f"dies {worker}")
        await scripted.reap()
    assert (await queue.get_task(TaskId(task_id))).state is State.DEAD

    await consuming(queue)
    told = await claimed(queue)
    assert told.task is not None
    body = body_of(told.task)
    assert (body.event, body.outcome, body.task_id) == ("dead", Outcome.POISON, task_id)
    assert (body.attempts, body.interrupted) == (0, 3)


async def test_a_plain_task_leaves_the_outbox_alone(queue: TaskQueue, raw_redis: Redis) -> None:
    """A settlement without a callback writes nothing there."""
    await consuming(queue)
    await queue.submit(new_task_id(), a_task())
    await queue.settle(await claimed(queue), an_attempt(), Done())

    assert not await raw_redis.exists(queue.keys.of(Key.OUTBOX))
