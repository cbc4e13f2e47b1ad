"""Schedule: due tasks start on time, in bounded steps, whoever watches the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import redis.asyncio

from queue_common.queue import TaskQueue
from queue_common.queue.storage.connection import reply
from queue_common.retry import Done, RetryAt
from queue_common.task import TaskId
from queue_testing import wait_until
from queue_testing.inspector import QueueInspector
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms


async def test_task_is_claimed_when_it_is_due(queue: TaskQueue, inspector: QueueInspector) -> None:
    """A task due in 250 ms goes to an idle worker not before, and soon after."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    waiting = asyncio.create_task(queue.claim(1))
    await queue.until_consuming()
    begin = time.monotonic()
    await queue.submit(TaskId("1"), a_task(), delay_ms=250)
    (claim,) = await asyncio.wait_for(waiting, 5)
    took = time.monotonic() - begin

    assert claim.task_id == "1"
    assert 0.24 <= took < 1.25
    await inspector.check()


async def test_retry_is_claimed_when_it_is_due(queue: TaskQueue) -> None:
    """A retry in 250 ms comes back to the worker that waits, not before."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    begin = time.monotonic()
    await queue.settle(claim, an_attempt(), RetryAt(now_ms() + 250))
    (again,) = await asyncio.wait_for(queue.claim(1), 5)
    took = time.monotonic() - begin

    assert again.attempt == 2
    assert 0.24 <= took < 1.25


async def test_due_time_in_the_past_is_due_now(queue: TaskQueue) -> None:
    """A retry whose time has passed while it was decided is due at once."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    await queue.settle(claim, an_attempt(), RetryAt(now_ms() - 60_000))

    assert (await asyncio.wait_for(queue.claim(1), 5))[0].attempt == 2


async def test_nearer_due_time_wakes_the_watcher(
    queue: TaskQueue, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A worker that waits for a task due in an hour still starts one due in 200 ms."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(TaskId("far"), a_task(), delay_ms=3_600_000)
    waiting = asyncio.create_task(queue.claim(1))

    async def watches() -> bool:
        watched = await reply(raw_redis.hget(scripted.key("n"), "watch_at"))
        return watched is not None and float(watched) > now_ms()

    await wait_until(watches, "the worker watches for the far task")
    await queue.submit(TaskId("near"), a_task(), delay_ms=200)
    (claim,) = await asyncio.wait_for(waiting, 2)

    assert claim.task_id == "near"


async def test_farther_due_time_wakes_nobody(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task due after the one that is watched for costs no worker a look."""
    await scripted.register("worker")
    await scripted.submit("near", a_task(), delay_ms=60_000)
    await scripted.claim("worker")
    await raw_redis.delete(scripted.key("wake"))
    await scripted.submit("far", a_task(), delay_ms=120_000)

    assert not await raw_redis.exists(scripted.key("wake"))
    await scripted.submit("nearest", a_task(), delay_ms=30_000)
    assert await raw_redis.exists(scripted.key("wake"))


async def test_one_worker_watches_and_the_others_stand_behind_it(
    scripted: ScriptedQueue,
) -> None:
    """Of two idle workers one looks at the due time, the other a second later: a reserve."""
    await scripted.register("one")
    await scripted.register("two")
    await scripted.submit("1", a_task(), delay_ms=60_000)
    await scripted.claim("one")
    first = scripted.poll_again_ms
    await scripted.claim("two")
    second = scripted.poll_again_ms

    assert 59_000 < first <= 60_000
    assert 60_000 < second <= 61_000


async def test_watchers_death_strands_no_due_task(
    open_queue: Callable[[], TaskQueue], scripted: ScriptedQueue
) -> None:
    """A watcher that falls silent is stood in for: the task starts a second late at most."""
    await scripted.register("silent")
    await scripted.submit("1", a_task(), delay_ms=300)
    await scripted.claim("silent")  # it watches from now on, and does nothing
    other = open_queue()
    await other.start_consuming(worker_id="other", concurrency=1)
    (claim,) = await asyncio.wait_for(other.claim(1), 3)

    assert claim.task_id == "1"


async def test_watcher_that_goes_hands_its_watch_on(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A watcher that ends its lease wakes another one to watch."""
    await scripted.register("leaver")
    await scripted.register("stays")
    await scripted.submit("1", a_task(), delay_ms=60_000)
    await scripted.claim("leaver")
    await scripted.claim("stays")
    await raw_redis.delete(scripted.key("wake"))
    await scripted.end_lease("leaver")
    woken = await raw_redis.exists(scripted.key("wake"))
    await scripted.claim("stays")

    assert woken
    assert scripted.poll_again_ms <= 60_000


async def test_watcher_that_gets_busy_hands_its_watch_on(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A watcher that fills its last slot wakes another one to watch."""
    await scripted.register("watcher")
    await scripted.register("idle")
    await scripted.submit("later", a_task(), delay_ms=60_000)
    await scripted.claim("watcher")
    await scripted.submit("now", a_task())
    await raw_redis.delete(scripted.key("wake"))
    claims = await scripted.claim("watcher", 1)

    assert len(claims) == 1
    assert await raw_redis.exists(scripted.key("wake"))


async def test_many_tasks_due_at_once_are_all_claimed(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """3,000 tasks that become due together are moved in steps, and each is handed out once."""
    for begin in range(0, 3000, 500):
        tasks = [(f"{i:04}", a_task(lane=f"lane-{i % 7}")) for i in range(begin, begin + 500)]
        await scripted.submit_all(tasks, delay_ms=300)
    await queue.start_consuming(worker_id="worker", concurrency=1000)
    seen: list[str] = []
    while len(seen) < 3000:
        claims = await asyncio.wait_for(queue.claim(100), 5)
        seen += [claim.task_id for claim in claims]
        await asyncio.gather(*(queue.settle(c, an_attempt(), Done()) for c in claims))

    assert len(set(seen)) == len(seen)
    await scripted.inspector.check()


async def test_due_tasks_of_a_lane_come_in_the_order_of_their_time(
    scripted: ScriptedQueue,
) -> None:
    """Of one lane's due tasks the longest due goes first."""
    await scripted.register("worker")
    for i, delay_ms in enumerate((30, 10, 20)):
        await scripted.submit(str(i), a_task(lane="a"), delay_ms=delay_ms)

    async def due() -> bool:
        return (await scripted.reader.record("0")).at_ms < now_ms() - 5

    await wait_until(due, "all are due")
    claims = await scripted.claim("worker")

    assert [claim.task_id for claim in claims] == ["1", "2", "0"]


async def test_due_task_of_a_paused_lane_waits(scripted: ScriptedQueue) -> None:
    """A due task in a paused lane is queued there, and claimed after the resumption."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"), delay_ms=60_000)
    await scripted.operations.pause("a")
    await scripted.make_due("1", "a")
    paused = await scripted.claim("worker")
    await scripted.inspector.check()
    await scripted.operations.resume("a")

    assert paused == []
    assert [claim.task_id for claim in await scripted.claim("worker")] == ["1"]
