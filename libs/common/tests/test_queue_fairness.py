"""Fair: lanes have their turns, and none holds more than its share."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable

import pytest
import redis.asyncio

from queue_common.queue import Claim, TaskQueue
from queue_common.retry import Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId, new_task_id
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms


async def _fill(queue: ScriptedQueue, lane: str, tasks: int) -> None:
    await queue.submit_all([(f"{lane}-{i:04}", a_task(lane=lane)) for i in range(tasks)])


def _lanes(claims: list[Claim]) -> Counter[str]:
    return Counter(claim.lane for claim in claims)


@pytest.mark.parametrize("wanted", [1, 3, 50, 100])
async def test_each_of_fifty_lanes_has_its_turn_within_one_round(
    wanted: int, scripted: ScriptedQueue
) -> None:
    """With 50 lanes waiting, the first 50 turns are those of 50 lanes, however long one of them."""
    await scripted.register("worker", 1000)
    await _fill(scripted, "crowded", 500)
    for number in range(49):
        await _fill(scripted, f"lane-{number}", 20)
    claims: list[Claim] = []
    while len(claims) < max(50, wanted):
        claims += await scripted.claim("worker", wanted)
    turns = [lane for lane, _ in itertools.groupby(claim.lane for claim in claims)]

    assert len(set(turns[:50])) == 50
    assert max(_lanes(claims).values()) <= 3


async def test_tasks_of_a_lane_keep_their_order(scripted: ScriptedQueue) -> None:
    """In a lane the first that came is the first that goes."""
    await scripted.register("worker", 100)
    for i in range(10):
        await scripted.submit(str(i), a_task(lane="a"))
    claims = [*await scripted.claim("worker", 4), *await scripted.claim("worker", 6)]

    assert [claim.task_id for claim in claims] == [str(i) for i in range(10)]


async def test_lane_that_comes_back_stands_behind(scripted: ScriptedQueue) -> None:
    """A lane that has been served goes to the end of the round, though it has more."""
    await scripted.register("worker", 100)
    for lane in ("a", "b", "c"):
        await _fill(scripted, lane, 5)
    order = [(await scripted.claim("worker", 1))[0].lane for _ in range(9)]

    assert order == ["a", "b", "c"] * 3


async def test_lane_never_exceeds_the_workers_slots(scripted: ScriptedQueue) -> None:
    """A lane has at most as many tasks in flight as the live workers' concurrency adds up to."""
    await scripted.register("one", 3)
    await scripted.register("two", 2)
    await _fill(scripted, "a", 20)
    first = await scripted.claim("one", 100)
    second = await scripted.claim("two", 100)

    assert len(first) + len(second) == 5
    await scripted.inspector.check()


async def test_limit_follows_workers_that_come(scripted: ScriptedQueue) -> None:
    """A lane at its limit gets more at once when a worker comes."""
    await scripted.register("one", 3)
    await _fill(scripted, "a", 20)
    first = await scripted.claim("one", 100)
    await scripted.register("two", 4)
    second = await scripted.claim("one", 100)

    assert (len(first), len(second)) == (3, 4)
    await scripted.inspector.check()


@pytest.mark.parametrize("says_goodbye", [True, False], ids=["goes", "dies"])
async def test_limit_follows_workers_that_leave(
    says_goodbye: bool, scripted: ScriptedQueue
) -> None:
    """When a worker goes or dies the lane's limit shrinks, and what it held counts no more."""
    await scripted.register("stays", 2)
    await scripted.register("leaves", 5)
    await _fill(scripted, "a", 20)
    held = await scripted.claim("leaves", 6)
    await (scripted.end_lease("leaves") if says_goodbye else scripted.expire("leaves"))
    await scripted.reap()
    again = await scripted.claim("stays", 100)

    assert (len(held), len(again)) == (6, 2)
    await scripted.inspector.check()


async def test_settled_task_makes_room_in_its_lane(scripted: ScriptedQueue) -> None:
    """A lane at its limit continues as soon as one of its tasks is settled in any way."""
    await scripted.register("worker", 2)
    await _fill(scripted, "a", 5)
    claims = await scripted.claim("worker", 10)
    assert await scripted.claim("worker", 10) == []
    await scripted.settle(claims[0], RetryAt(now_ms() + 60_000))
    (third,) = await scripted.claim("worker", 10)

    assert third.task_id == "a-0002"
    await scripted.inspector.check()


async def test_lane_concurrency_is_the_limit_where_set(
    raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings
) -> None:
    """``LANE_CONCURRENCY`` takes the place of the workers' sum."""
    queue = ScriptedQueue(raw_redis, queue_settings.queue_name, lane_concurrency=4)
    await queue.register("worker", 100)
    await _fill(queue, "a", 20)
    await _fill(queue, "b", 2)

    assert _lanes(await queue.claim("worker", 100)) == {"a": 4, "b": 2}
    await queue.inspector.check()


async def test_worker_takes_more_than_one_lane_may_have(scripted: ScriptedQueue) -> None:
    """A worker holds many lanes' shares: one lane's limit is not the worker's."""
    await scripted.register("worker", 2)
    for number in range(10):
        await _fill(scripted, f"lane-{number}", 5)

    assert set(_lanes(await scripted.claim("worker", 100)).values()) == {2}
    await scripted.inspector.check()


async def test_hanging_lanes_delay_nobody(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:  # fmt: skip
    """Beside 20 lanes that never respond, all tasks of a healthy lane are delivered."""
    await queue.start_consuming(worker_id="worker", concurrency=10)
    for number in range(20):
        await _fill(scripted, f"hangs-{number}", 20)
    await _fill(scripted, "healthy", 400)
    in_flight, delivered, hanging = 0, 0, 0
    while delivered < 400:
        claims = await asyncio.wait_for(queue.claim(1000 - in_flight), 5)
        healthy = [claim for claim in claims if claim.lane == "healthy"]
        hanging += len(claims) - len(healthy)
        in_flight = hanging
        await asyncio.gather(*(queue.settle(c, an_attempt(), Done()) for c in healthy))
        delivered += len(healthy)

    assert hanging == 20 * 10
    await scripted.inspector.check()


async def test_pausing_does_not_cost_a_lane_its_tasks(scripted: ScriptedQueue) -> None:
    """A lane that is paused at its limit continues after its resumption."""
    await scripted.register("worker", 1)
    await _fill(scripted, "a", 3)
    (claim,) = await scripted.claim("worker", 10)
    await scripted.claim("worker", 10)
    await scripted.operations.pause("a")
    await scripted.settle(claim, Done())
    paused = await scripted.claim("worker", 10)
    await scripted.operations.resume("a")
    resumed = await scripted.claim("worker", 10)

    assert (len(paused), len(resumed)) == (0, 1)
    await scripted.inspector.check()


async def test_queues_do_not_share_their_limits(
    redis_settings: RedisSettings, open_queue: Callable[[], TaskQueue]
) -> None:
    """Two queues on one server, by the configuration of their name, know nothing of each other."""
    first = open_queue()
    second = TaskQueue(redis_settings, QueueSettings(queue_name=f"other-{new_task_id()}"))
    task_id = TaskId("same")

    assert await first.submit(task_id, a_task())
    assert await second.submit(task_id, a_task(body=b"other"))
    assert (await first.reader.count()).queued == (await second.reader.count()).queued == 1
    await second.disconnect()
