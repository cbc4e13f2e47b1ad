"""A full Redis takes no new task, and lets those that are there come to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import OutOfMemoryError

from queue_common.queue import Claim, TaskQueue
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import State, TaskId
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

Move = Callable[[ScriptedQueue], Coroutine[Any, Any, object]]


@pytest.fixture
def server(start_server: Callable[..., RedisServer]) -> RedisServer:
    """A server that is going to be full."""
    return start_server("--maxmemory-policy", "noeviction")


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """A plain client of it."""
    client = redis.asyncio.Redis(port=server.port)
    yield client
    await client.aclose()


@pytest.fixture
async def full(client: redis.asyncio.Redis) -> ScriptedQueue:
    """A full queue: 1, 2, 3 claimed by ``worker``, 4, 5 queued, 6 scheduled, 7 dead, 9 lost."""
    queue = ScriptedQueue(client, "full")
    await queue.register("worker")
    await queue.submit("7", a_task(lane="a"))
    await queue.settle((await queue.claim("worker"))[0], Dead("enough"))
    await queue.submit_all([(str(i), a_task(lane="a")) for i in (1, 2, 3)])
    await queue.claim("worker", 3)
    await queue.register("dead")
    await queue.submit("9", a_task(lane="c"))
    await queue.claim("dead", 1)
    await queue.expire("dead")
    await queue.submit_all([(str(i), a_task(lane="a")) for i in (4, 5)])
    await queue.submit("6", a_task(lane="b"), delay_ms=3_600_000)
    await client.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        await queue.submit("8", a_task())
    return queue


MOVES: dict[str, Move] = {
    "a worker comes": lambda queue: queue.register("another"),
    "a lease is renewed": lambda queue: queue.renew("worker"),
    "a worker goes": lambda queue: queue.end_lease("worker"),
    "a dead worker's tasks are given back": lambda queue: queue.reap(),
    "tasks are claimed": lambda queue: queue.claim("worker"),
    "a queued task is cancelled": lambda queue: queue.operations.cancel(TaskId("4")),
    "a scheduled task is cancelled": lambda queue: queue.operations.cancel(TaskId("6")),
    "an active task is cancelled": lambda queue: queue.operations.cancel(TaskId("1")),
    "a task is run now": lambda queue: queue.operations.run_now(TaskId("6")),
    "a dead letter is requeued": lambda queue: queue.operations.requeue(TaskId("7")),
    "a lane is purged": lambda queue: queue.operations.purge("a"),
    "a lane is paused": lambda queue: queue.operations.pause("a"),
    "all is paused": lambda queue: queue.operations.pause(),
    "all is resumed": lambda queue: queue.operations.resume(),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
async def test_all_but_submissions_works(move: Move, full: ScriptedQueue) -> None:
    """At ``maxmemory`` every move of what is there works, and leaves the queue whole."""
    await move(full)

    await full.inspector.check()


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Done(), State.DELIVERED),
        (RetryAt(now_ms() + 3_600_000), State.SCHEDULED),
        (Dead("enough"), State.DEAD),
    ],
    ids=["done", "retry", "dead"],
)
async def test_settlements_work(
    decision: Decision, state: State, full: ScriptedQueue, client: redis.asyncio.Redis
) -> None:
    """At ``maxmemory`` an attempt's end is written, whatever it led to."""
    await client.config_set("maxmemory", 0)
    (claim,) = await full.claim("worker", 1)
    await client.config_set("maxmemory", 1)

    assert await full.settle(claim, decision)
    assert (await full.reader.record(claim.task_id)).state is state
    await full.inspector.check()


async def test_watch_for_a_due_time_works(full: ScriptedQueue) -> None:
    """At ``maxmemory`` an idle worker can still become the one that waits for the next due time."""
    await full.operations.purge("a")

    assert await full.claim("worker") == []
    assert full.poll_again_ms > 0


async def test_full_server_is_drained(server: RedisServer, full: ScriptedQueue) -> None:
    """A worker that starts while Redis is full takes its lease, claims, and delivers."""
    await full.end_lease("worker")
    queue = TaskQueue(RedisSettings(redis_addr=server.address), QueueSettings(queue_name="full"))
    await queue.start_consuming(worker_id="late", concurrency=10)
    delivered: set[str] = set()

    async def deliver(claim: Claim) -> None:
        await queue.settle(claim, an_attempt(number=claim.attempt), Done())
        delivered.add(claim.task_id)

    while len(delivered) < 6:
        for claim in await queue.claim(10):
            await deliver(claim)
    await queue.disconnect()

    assert delivered == {"1", "2", "3", "4", "5", "9"}
    await full.inspector.check()
