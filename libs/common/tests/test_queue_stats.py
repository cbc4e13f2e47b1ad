"""What is told of a queue as a whole: true, the same for all who ask, at a bounded cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis.asyncio

from queue_common.errors import QueueUnavailableError
from queue_common.queue import QueueHooks, QueueStats
from queue_common.queue.admin.stats import (
    MAX_DUE_LANES,
    MAX_SCAN_CALLS,
    SCAN_BATCH_SIZE,
    LaneSnapshot,
)
from queue_common.queue.storage.connection import reply
from queue_common.retry import Dead, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer, free_port, wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

HOUR_MS = 3600 * 1000
SLACK_MS = 60_000
"""What the test itself may take; the times it tells apart are hours apart."""


async def waits_since(
    queue: ScriptedQueue, client: redis.asyncio.Redis, task_id: str, hours: int
) -> None:
    """Let a task have been due for so long."""
    at = now_ms() - hours * HOUR_MS
    await reply(client.setrange(queue.key(f"t:{task_id}"), 1, at.to_bytes(8, "big")))


async def oldest_hours(queue: ScriptedQueue) -> int | None:
    age = (await queue.snapshot()).oldest_waiting_ms
    return None if age is None else (age + SLACK_MS) // HOUR_MS


async def test_the_oldest_is_found_among_all_lanes(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """The age is that of the task that has waited longest, whichever lane it is in."""
    for task_id, lane, hours in (("a", "x", 1), ("b", "y", 3), ("c", "z", 2)):
        await scripted.submit(task_id, a_task(lane=lane))
        await waits_since(scripted, raw_redis, task_id, hours)

    assert await oldest_hours(scripted) == 3


async def test_a_paused_lane_counts(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Tasks of a paused lane wait as others do."""
    await scripted.submit("a", a_task(lane="x"))
    await waits_since(scripted, raw_redis, "a", 2)
    await scripted.operations.pause("x")

    assert await oldest_hours(scripted) == 2


async def test_cancelled_entries_at_the_front_are_passed_over(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Behind entries whose tasks were cancelled the oldest that waits is found."""
    for i in range(20):
        await scripted.submit(f"gone-{i}", a_task(lane="x"))
    await scripted.submit("a", a_task(lane="x"))
    await waits_since(scripted, raw_redis, "a", 2)
    for i in range(20):
        await scripted.operations.cancel(TaskId(f"gone-{i}"))

    assert await oldest_hours(scripted) == 2


async def test_a_task_brought_to_the_front_hides_no_older_one(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """The stats show the oldest task even if an operator has moved another before it."""
    await scripted.submit("old", a_task(lane="x"))
    await waits_since(scripted, raw_redis, "old", 2)
    await scripted.submit("new", a_task(lane="x"), delay_ms=HOUR_MS)
    await scripted.operations.run_now(TaskId("new"))

    assert await oldest_hours(scripted) == 2


async def test_a_due_task_that_no_worker_has_moved_waits(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Without a worker a scheduled task whose time has come counts as waiting since then."""
    await scripted.submit("a", a_task(lane="x"), delay_ms=HOUR_MS)
    before = await oldest_hours(scripted)
    at = now_ms() - 2 * HOUR_MS
    await raw_redis.zadd(scripted.key("s:x"), {"a": at})
    await raw_redis.zadd(scripted.key("due"), {"x": at})

    assert before == 0
    assert await oldest_hours(scripted) == 2
    assert (await scripted.snapshot()).due == 1


async def test_a_task_moved_into_its_lane_waits_since_it_was_due(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """What a claim moves but does not take has waited since its due time, not since the move."""
    await scripted.register("worker", slots=1)
    await scripted.submit("a", a_task(lane="x"))
    (claim,) = await scripted.claim("worker")
    for task_id in ("b", "c"):
        await scripted.submit(task_id, a_task(lane="x"), delay_ms=1)
        await scripted.make_due(task_id, "x")
        await waits_since(scripted, raw_redis, task_id, 2)
    await scripted.settle(claim, RetryAt(now_ms() + HOUR_MS))
    (taken,) = await scripted.claim("worker")

    assert await oldest_hours(scripted) == 2
    assert taken.waiting_since_ms < now_ms() - HOUR_MS


async def test_a_task_given_back_has_waited_all_along(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A stopping worker's task, and a dead one's, wait since before they were claimed in vain."""
    await scripted.register("worker", slots=2)
    await scripted.submit("a", a_task(lane="x"))
    await waits_since(scripted, raw_redis, "a", 3)
    (claim,) = await scripted.claim("worker")
    await scripted.release(claim)
    stopped = await oldest_hours(scripted)
    await scripted.claim("worker")
    await waits_since(scripted, raw_redis, "a", 2)
    await scripted.expire("worker")
    await scripted.reap()

    assert stopped == 3
    assert await oldest_hours(scripted) == 2


async def test_nothing_waits_is_no_age(scripted: ScriptedQueue) -> None:
    """An empty queue's oldest task has waited for no time, looked at or not."""
    unseen = await scripted.stats.read()

    assert unseen.oldest_waiting_ms == 0
    assert (await scripted.snapshot()).oldest_waiting_ms == 0


async def test_an_age_nobody_has_looked_for_is_not_known(scripted: ScriptedQueue) -> None:
    """With tasks waiting and no look at the lanes there is no age, rather than a wrong one."""
    await scripted.submit("a")

    assert (await scripted.stats.read()).oldest_waiting_ms is None


async def test_the_largest_lanes_are_told(scripted: ScriptedQueue) -> None:
    """Of more lanes than one call covers, the ten with the most tasks are found."""
    lanes = 2 * SCAN_BATCH_SIZE + 100
    for i in range(lanes):
        size = 2 if i % 29 else 3 + i // 29
        tasks = [(f"{i}-{n}", a_task(lane=f"lane-{i:04}")) for n in range(size)]
        await scripted.submit_all(tasks)
    expected = [f"lane-{i:04}" for i in range(0, lanes, 29)][::-1][:10]

    told = (await scripted.snapshot()).lanes

    assert [lane.name for lane in told] == expected
    assert told[0] == LaneSnapshot(expected[0], 3 + (lanes - 1) // 29, 0, 0, 0)


async def test_dead_letters_are_told_of_a_large_lane(scripted: ScriptedQueue) -> None:
    """A told lane's dead letters are counted beside its tasks of other states."""
    await scripted.register("worker")
    await scripted.submit_all([(str(i), a_task(lane="x")) for i in range(4)])
    first, *_ = await scripted.claim("worker", 2)
    await scripted.settle(first, Dead("enough"))
    await scripted.submit("later", a_task(lane="x"), delay_ms=HOUR_MS)

    assert (await scripted.snapshot()).lanes == (LaneSnapshot("x", 2, 1, 1, 1),)


async def test_a_dead_worker_is_no_worker(scripted: ScriptedQueue) -> None:
    """A lease that has ended counts for nothing, though nobody is left to take note of it."""
    await scripted.register("one")
    await scripted.register("other")
    await scripted.expire("other")

    assert (await scripted.snapshot()).workers == 1


async def test_one_look_serves_all(
    scripted: ScriptedQueue, redis_settings: RedisSettings, queue_settings: QueueSettings
) -> None:
    """Within a period one process looks at the lanes; another reads what it has found."""
    other = QueueStats.open(redis_settings, queue_settings, QueueHooks())
    await scripted.submit("a", a_task(lane="x"))
    looked = [await scripted.stats.scan_lanes(), await other.scan_lanes()]
    seen = await other.read()
    await other.close()

    assert looked == [True, False]
    assert [lane.name for lane in seen.lanes] == ["x"]


async def test_what_another_release_has_left_is_looked_at_anew(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A stored scan of another release is ignored."""
    await scripted.submit("a", a_task(lane="x"))
    await raw_redis.set(scripted.key("stats"), b"\xc1gibberish")
    unread = await scripted.stats.read()

    assert unread.lanes == ()
    assert [lane.name for lane in (await scripted.snapshot()).lanes] == ["x"]


@pytest.mark.timeout(120)
async def test_more_lanes_than_one_look_takes_in(scripted: ScriptedQueue) -> None:
    """A scan continues where the last one stopped; until it is complete, the old one counts."""
    lanes = MAX_SCAN_CALLS * SCAN_BATCH_SIZE + 10
    for begin in range(0, lanes, 1000):
        names = [f"{i:06}" for i in range(begin, min(begin + 1000, lanes))]
        await scripted.submit_all([(name, a_task(lane=name)) for name in names])
    await scripted.submit_all([(f"more-{i}", a_task(lane=f"{lanes - 1:06}")) for i in range(5)])
    first = (await scripted.snapshot()).lanes
    second = (await scripted.snapshot()).lanes
    third = (await scripted.snapshot()).lanes

    assert f"{lanes - 1:06}" not in {lane.name for lane in first}
    assert second[0] == LaneSnapshot(f"{lanes - 1:06}", 6, 0, 0, 0)
    assert third == second


async def test_due_tasks_are_counted_in_a_bounded_number_of_lanes(
    scripted: ScriptedQueue,
) -> None:
    """Of lanes with due tasks the first thousand are looked into: enough to scale by."""
    tasks = [(str(i), a_task(lane=f"lane-{i}")) for i in range(MAX_DUE_LANES + 50)]
    await scripted.submit_all(tasks, delay_ms=1)

    assert (await scripted.snapshot()).due == MAX_DUE_LANES


async def test_reading_costs_the_same_behind_any_backlog(
    start_server: Callable[..., RedisServer],
) -> None:
    """Reading the stats and scanning the lanes take as many commands for 50 tasks as for 5,000."""
    client = redis.asyncio.Redis(port=start_server().port)
    calls = []
    for name, waiting in (("few", 50), ("many", 5000)):
        queue = ScriptedQueue(client, name)
        for begin in range(0, waiting, 50):
            tasks = [(f"{i}", a_task(lane=f"lane-{i % 10}")) for i in range(begin, begin + 50)]
            await queue.submit_all(tasks)
        await queue.snapshot()  # the server learns the scripts
        await client.config_resetstat()
        await queue.snapshot()
        stats = await client.info("commandstats")
        calls.append(Counter({name: int(found["calls"]) for name, found in stats.items()}))
    await client.aclose()

    assert calls[0] == calls[1]


async def test_a_full_server_still_reports_its_stats(
    start_server: Callable[..., RedisServer],
) -> None:
    """A server without memory for more tasks still has its lanes looked at."""
    client = redis.asyncio.Redis(port=start_server("--maxmemory-policy", "noeviction").port)
    queue = ScriptedQueue(client, "full")
    await queue.submit("a", a_task(lane="x"))
    await client.config_set("maxmemory", "1")

    seen = await queue.snapshot()
    await client.aclose()

    assert (seen.waiting, [lane.name for lane in seen.lanes]) == (1, ["x"])


async def test_no_server_is_told_as_such(queue_settings: QueueSettings) -> None:
    """Without Redis every call raises an error with the reason."""
    settings = RedisSettings(redis_addr=f"127.0.0.1:{free_port()}", redis_url=None)
    watch = QueueStats.open(settings, queue_settings, QueueHooks())

    for ask in (watch.read, watch.scan_lanes, watch.persists, watch.ping):
        with pytest.raises(QueueUnavailableError, match="cannot be reached"):
            await ask()
    await watch.close()


@pytest.mark.parametrize(
    ("options", "persists"),
    [
        (("--appendonly", "yes"), True),
        (("--save", "900 1"), True),
        (("--save", ""), False),
    ],
    ids=["append-only", "snapshots", "neither"],
)
async def test_whether_redis_persists(
    start_server: Callable[..., RedisServer], options: tuple[str, ...], persists: bool
) -> None:
    """Redis persists where it writes an append-only file or snapshots, and the last one worked."""
    settings = RedisSettings(redis_addr=start_server(*options).address, redis_url=None)
    watch = QueueStats.open(settings, QueueSettings(), QueueHooks())
    found = await watch.persists()
    await watch.close()

    assert found is persists


async def test_a_failed_snapshot_is_no_persistence(
    start_server: Callable[..., RedisServer], tmp_path: Path
) -> None:
    """A server whose last snapshot could not be written does not persist."""
    server = start_server("--save", "900 1")
    (tmp_path / "server-0" / "dump.rdb" / "in-the-way").mkdir(parents=True)
    client = redis.asyncio.Redis(port=server.port)
    await client.set("x", 1)
    await client.bgsave()
    watch = QueueStats(client, "any", QueueHooks())

    async def noticed() -> bool:
        return await watch.persists() is False

    await wait_until(noticed, "the failure shows")
    await watch.close()
