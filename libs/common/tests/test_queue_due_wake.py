"""Somebody always watches for the next due time: no timer of one worker on which all depend."""

from __future__ import annotations

import redis.asyncio

from queue_common.retry import RetryAt
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms


async def test_full_worker_hands_its_retry_to_an_idle_one(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A worker that schedules a retry and fills its last slot wakes an idle one to watch for it."""
    await scripted.register("full")
    await scripted.register("idle")
    await scripted.submit("1", a_task(lane="a"))
    (claim,) = await scripted.claim("full", 1)
    await scripted.claim("idle")
    await scripted.submit("2", a_task(lane="b"))
    await raw_redis.delete(scripted.key("wake"))

    await scripted.settle(claim, RetryAt(now_ms() + 60_000), claiming=True)
    assert len(await scripted.claim("full", 1)) == 1

    assert await raw_redis.exists(scripted.key("wake"))


async def test_due_time_after_one_that_has_passed_wakes_a_worker(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task scheduled after the watched time has passed finds somebody to watch for it."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"), delay_ms=60_000)
    await scripted.claim("worker")  # it watches for the task's time
    await scripted.make_due("1", "a")
    await raw_redis.hset(scripted.key("n"), "watch_at", str(now_ms() - 10))  # type: ignore[misc]
    await scripted.claim("worker")
    await raw_redis.delete(scripted.key("wake"))

    await scripted.submit("2", a_task(lane="a"), delay_ms=60_000)

    assert await raw_redis.exists(scripted.key("wake"))
