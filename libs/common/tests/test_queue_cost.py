"""No operation costs O(backlog): a task costs the same commands however many wait."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio

from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import State, TaskId
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

WALKS = {
    "keys", "scan", "hscan", "sscan", "zscan", "lrem", "linsert", "lindex", "lpos", "lset", "ltrim",
    "smembers", "hgetall", "hkeys", "hvals", "sort", "zcount", "zlexcount", "sinter", "sunion",
}  # fmt: skip
"""Commands whose cost grows with what they look into."""
FEW, MANY = 500, 20_000
SAMPLE = 20
COPIES = ("copy", "rename")
"""One for each record that grows. Of the dead letters of one millisecond any may be requeued, and a
record that has had an attempt grows no more: their number is not always the same."""


@pytest.fixture
async def client(start_server: Callable[..., RedisServer]) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of a server of the test's own, whose statistics are its own."""
    client = redis.asyncio.Redis(port=start_server().port)
    yield client
    await client.aclose()


async def _fill(queue: ScriptedQueue, waiting: int) -> None:
    await queue.register("worker", 1000)
    for begin in range(0, waiting, 500):
        tasks = [(f"q{i}", a_task(lane=f"lane-{i % 10}")) for i in range(begin, begin + 500)]
        await queue.submit_all(tasks)
        scheduled = [(f"s{i}", a_task(lane=f"lane-{i % 10}")) for i in range(begin, begin + 500)]
        await queue.submit_all(scheduled, delay_ms=3_600_000)


async def _live(queue: ScriptedQueue, sample: str) -> None:
    """Let some tasks have their whole life, each way there is."""
    for i in range(SAMPLE):
        await queue.submit(f"{sample}-{i}", a_task(lane=f"lane-{i % 10}"))
    claims = await queue.claim("worker", SAMPLE)
    ends: list[Decision] = [Done(), RetryAt(now_ms() + 3_600_000), Dead("enough")]
    for claim, decision in zip(claims, itertools.cycle(ends), strict=False):
        await queue.settle(claim, decision)
    for claim in await queue.claim("worker", 5):
        await queue.release(claim)
    await queue.operations.cancel(TaskId(f"{sample}-19"))
    await queue.operations.run_now(TaskId("s1" if sample == "first" else "s3"))
    dead = (await queue.reader.list(State.DEAD, limit=1)).tasks[0]
    await queue.operations.requeue(dead.id)
    await queue.renew("worker")
    await queue.reader.count()
    await queue.reader.count("lane-1")
    await queue.reader.list(State.QUEUED, limit=10)


async def _commands(queue: ScriptedQueue, client: redis.asyncio.Redis, run: str) -> Counter[str]:
    await client.config_resetstat()
    await _live(queue, run)
    stats = await client.info("commandstats")
    return Counter(
        {name.removeprefix("cmdstat_"): int(found["calls"]) for name, found in stats.items()}
    )


async def test_a_tasks_life_costs_the_same_behind_any_backlog(
    client: redis.asyncio.Redis,
) -> None:
    """Behind 20,000 waiting tasks Redis runs the commands it runs behind 500; none is a walk."""
    few, many = ScriptedQueue(client, "few"), ScriptedQueue(client, "many")
    await _fill(few, FEW)
    await _fill(many, MANY)
    await _live(few, "warm")  # the server learns the scripts
    await _live(many, "warm")
    small, large = await _commands(few, client, "first"), await _commands(many, client, "first")

    assert not WALKS & {*small, *large}
    for command in COPIES:
        assert max(small.pop(command), large.pop(command)) <= SAMPLE
    assert large == small


async def test_due_tasks_move_in_bounded_steps(
    client: redis.asyncio.Redis,
) -> None:
    """Of 3,000 tasks due at once a claim moves at most 200: no script holds Redis up for long."""
    queue = ScriptedQueue(client, "due")
    await queue.register("worker", 1000)
    for begin in range(0, 3000, 500):
        tasks = [(f"{i:04}", a_task(lane=f"lane-{i % 3}")) for i in range(begin, begin + 500)]
        await queue.submit_all(tasks, delay_ms=1)
    moved, claimed = [], 0
    while claimed < 1000:
        before = (await queue.reader.count()).scheduled
        claimed += len(await queue.claim("worker", 100))
        moved.append(before - (await queue.reader.count()).scheduled)

    assert 0 < max(moved) <= 200
    await queue.inspector.check()


async def test_large_settled_memory_is_pruned_in_bounded_steps(
    client: redis.asyncio.Redis,
) -> None:
    """A bound lowered below what is kept is reached step by step, 100 records a call."""
    generous = ScriptedQueue(client, "bound", result_max=10_000)
    await generous.register("worker", 1000)
    for begin in range(0, 500, 100):
        await generous.submit_all([(str(i), a_task()) for i in range(begin, begin + 100)])
        for claim in await generous.claim("worker", 100):
            await generous.settle(claim, Done())
    strict = ScriptedQueue(client, "bound", result_max=10)
    kept = []
    for _ in range(6):
        kept.append((await strict.reader.count()).settled)
        await strict.renew("worker")

    assert kept == [500, 400, 300, 200, 100, 10]
