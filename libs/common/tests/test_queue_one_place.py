"""One place: an unsettled task is in exactly one of scheduled, queued and active."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import redis.asyncio

from queue_common.retry import Dead, Done, RetryAt
from queue_common.task import TaskId
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

Move = Callable[[ScriptedQueue], Coroutine[Any, Any, object]]


@pytest.fixture
async def raw_redis(
    start_server: Callable[..., RedisServer],
) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of a server of the test's own: other tests run scripts on the shared one."""
    client = redis.asyncio.Redis(port=start_server().port)
    yield client
    await client.aclose()


async def test_every_move_leaves_a_task_in_one_place(scripted: ScriptedQueue) -> None:
    """From its acceptance on a task is in one place after each move, and in none when settled."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"), delay_ms=60_000)
    seen = [await scripted.inspector.places("1")]
    await scripted.operations.run_now(TaskId("1"))
    seen.append(await scripted.inspector.places("1"))
    (claim,) = await scripted.claim("worker")
    seen.append(await scripted.inspector.places("1"))
    await scripted.settle(claim, RetryAt(now_ms() + 60_000))
    seen.append(await scripted.inspector.places("1"))
    await scripted.make_due("1", "a")
    (claim,) = await scripted.claim("worker")
    seen.append(await scripted.inspector.places("1"))
    await scripted.release(claim)
    seen.append(await scripted.inspector.places("1"))
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Dead("enough"))
    seen.append(await scripted.inspector.places("1"))
    await scripted.operations.requeue(TaskId("1"))
    seen.append(await scripted.inspector.places("1"))
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Done())
    seen.append(await scripted.inspector.places("1"))

    assert seen == [
        ["scheduled a"], ["queued a"], ["active a"], ["scheduled a"], ["active a"], ["queued a"],
        [], ["queued a"], [],
    ]  # fmt: skip
    await scripted.inspector.check()


async def _lose(queue: ScriptedQueue) -> None:
    await queue.expire("worker")
    await queue.reap()


async def _settle(queue: ScriptedQueue) -> None:
    claims = await queue.claim("worker", 1)
    await queue.settle(claims[0], Done())


MOVES: dict[str, tuple[int, Move]] = {
    "submit": (1, lambda queue: queue.submit("new", a_task())),
    "claim": (1, lambda queue: queue.claim("worker", 1)),
    "claim and settle": (2, _settle),
    "reap": (1, _lose),
    "run now": (1, lambda queue: queue.operations.run_now(TaskId("scheduled"))),
    "cancel": (1, lambda queue: queue.operations.cancel(TaskId("queued"))),
    "purge": (1, lambda queue: queue.operations.purge("a")),
}


@pytest.mark.parametrize(("scripts", "move"), MOVES.values(), ids=MOVES.keys())
async def test_every_move_is_one_script(
    scripts: int, move: Move, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Each move is one script call: no client must live to make a second one."""
    await scripted.register("worker")
    await scripted.submit("queued", a_task(lane="a"))
    await scripted.submit("scheduled", a_task(lane="a"), delay_ms=60_000)
    run, script_loads = await _calls(raw_redis, "evalsha"), await _calls(raw_redis, "script|load")
    await move(scripted)
    script_loads = await _calls(raw_redis, "script|load") - script_loads

    assert await _calls(raw_redis, "evalsha") - run - script_loads == scripts
    await scripted.inspector.check()


async def _calls(client: redis.asyncio.Redis, command: str) -> int:
    stats = await client.info("commandstats")
    found = stats.get(f"cmdstat_{command}", {"calls": 0})
    return int(found["calls"])
