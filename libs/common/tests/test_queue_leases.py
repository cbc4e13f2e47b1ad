"""Leases: what a dead worker held comes back, and what it says later counts for nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis.asyncio

from queue_common.errors import LeaseLostError
from queue_common.queue import Claim, TaskQueue
from queue_common.queue.consuming.settlement import release_arguments, settle_arguments
from queue_common.retry import Dead, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Outcome, State, TaskId, new_task_id
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

WORKER = """
import asyncio, sys
from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings

async def main():
    queue = TaskQueue(RedisSettings(redis_addr=sys.argv[1]), QueueSettings(queue_name=sys.argv[2]))
    await queue.start_consuming(worker_id="victim", concurrency=100)
    held = 0
    while True:
        held += len(await queue.claim(100))
        print(held, flush=True)

asyncio.run(main())
"""


async def _lease_of(queue_name: str, client: redis.asyncio.Redis, worker: str) -> str:
    found = await client.zrange(f"{{{queue_name}}}:workers", 0, -1)
    leases: list[str] = [lease.decode() for lease in found]
    return next(lease for lease in leases if lease.startswith(worker))


async def test_killed_worker_gives_all_back(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis, redis_settings: RedisSettings,
    queue_settings: QueueSettings, open_queue: Callable[[], TaskQueue], tmp_path: Path,
) -> None:  # fmt: skip
    """After a SIGKILL and the lease's end another worker gets the tasks; no attempt is counted."""
    lost = [new_task_id() for _ in range(100)]
    await scripted.submit_all([(i, a_task(lane="a")) for i in lost])
    command = [sys.executable, "-c", WORKER, redis_settings.redis_addr, queue_settings.queue_name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path) as victim:  # noqa: ASYNC220
        while (await scripted.reader.count()).active < 100:
            assert victim.stdout is not None
            assert victim.stdout.readline()
        victim.send_signal(signal.SIGKILL)
    await scripted.expire(await _lease_of(queue_settings.queue_name, raw_redis, "victim"))
    await scripted.submit("behind", a_task(lane="a"))
    other = open_queue()
    await other.start_consuming(worker_id="other", concurrency=200)
    claims: list[Claim] = []
    while len(claims) < 101:
        claims += await other.claim(200)
    first = [claim.task_id for claim in claims if claim.task_id != "behind"]

    assert sorted(first) == lost
    assert {(c.attempt, c.interrupted) for c in claims if c.task_id != "behind"} == {(1, 1)}
    await scripted.inspector.check()


async def test_lost_tasks_stand_in_front_in_their_order(scripted: ScriptedQueue) -> None:
    """What a dead worker held goes before what waits, the oldest first."""
    await scripted.register("dead")
    lost = [new_task_id() for _ in range(20)]
    await scripted.submit_all([(i, a_task(lane="a")) for i in lost])
    await scripted.claim("dead", 20)
    waiting = new_task_id()
    await scripted.submit(waiting, a_task(lane="a"))
    await scripted.expire("dead")
    await scripted.register("heir", 50)
    await scripted.reap()
    claims = await scripted.claim("heir", 50)

    assert [claim.task_id for claim in claims] == [*lost, waiting]


async def test_any_number_is_given_back_in_bounded_steps(scripted: ScriptedQueue) -> None:
    """A thousand tasks of ten dead workers come back in steps; between two all is in its place."""
    for number in range(10):
        await scripted.register(f"dead-{number}", 100)
    await scripted.submit_all([(f"{i:04}", a_task(lane=f"lane-{i % 7}")) for i in range(1000)])
    for number in range(10):
        await scripted.claim(f"dead-{number}", 100)
        await scripted.expire(f"dead-{number}")
    steps = 0
    while (await scripted.reader.count()).active:
        before = (await scripted.reader.count()).active
        await scripted.reap(70, until_done=False)
        steps += 1
        assert before - (await scripted.reader.count()).active <= 70
        if steps % 5 == 0:
            await scripted.inspector.check()
    snapshot = await scripted.inspector.check()

    assert (await scripted.reader.count()).queued == 1000
    assert {record.interrupted for record in snapshot.records.values()} == {1}
    assert not {"lost", "inflight"} & snapshot.keys


async def test_reaper_that_stops_half_way_loses_nothing(scripted: ScriptedQueue) -> None:
    """A reaper that dies between two steps leaves the rest to the next one."""
    await scripted.register("dead", 10)
    await scripted.submit_all([(str(i), a_task()) for i in range(10)])
    await scripted.claim("dead", 10)
    await scripted.expire("dead")
    await scripted.reap(3, until_done=False)
    await scripted.inspector.check()
    await scripted.reap()
    await scripted.inspector.check()

    assert (await scripted.reader.count()).queued == 10


@pytest.mark.parametrize(
    "decision", [Done(), RetryAt(now_ms()), Dead("enough")], ids=["done", "retry", "dead"]
)
async def test_lost_lease_settles_nothing(
    decision: Done | RetryAt | Dead, queue: TaskQueue, scripted: ScriptedQueue,
    raw_redis: redis.asyncio.Redis,
) -> None:  # fmt: skip
    """A worker that was silent too long gets an error, and claims of others are unchanged."""
    await queue.start_consuming(worker_id="slow", concurrency=1)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    await scripted.expire(claim.lease)
    await scripted.reap()
    await scripted.register("heir")
    (again,) = await scripted.claim("heir")
    before = await raw_redis.get(scripted.key("t:1"))
    with pytest.raises(LeaseLostError, match="task 1"):
        await queue.settle(claim, an_attempt(), decision)

    assert await raw_redis.get(scripted.key("t:1")) == before
    assert await scripted.inspector.places("1") == [f"active {again.lane}"]
    assert await scripted.settle(again, Done())
    await scripted.inspector.check()


async def test_worker_takes_a_new_lease_after_losing_one(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """After its lease has ended, a worker claims and settles under a new one."""
    await queue.start_consuming(worker_id="slow", concurrency=1)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    await scripted.expire(claim.lease)
    await scripted.reap()
    (again,) = await queue.claim(1)
    await queue.settle(again, an_attempt(), Done())

    assert again.lease != claim.lease
    assert (again.task_id, again.interrupted) == ("1", 1)
    assert (await queue.get_task(TaskId("1"))).state is State.DELIVERED
    with pytest.raises(LeaseLostError):
        await queue.settle(claim, an_attempt(), Done())


async def test_ready_only_while_the_lease_lives(queue: TaskQueue) -> None:
    """``serving`` is false before the lease is taken and after its end."""
    before = queue.serving
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.until_consuming()
    during = queue.serving
    await queue.disconnect()

    assert (before, during, queue.serving) == (False, True, False)


async def test_interruptions_are_counted_apart(scripted: ScriptedQueue) -> None:
    """A crash raises ``interrupted``; attempts and the last attempt stay as they were."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a"))
    (claim,) = await scripted.claim("worker")
    failed = an_attempt(Outcome.HTTP_ERROR, error="500")
    await scripted.settle(claim, RetryAt(now_ms()), failed)
    await scripted.claim("worker")
    await scripted.expire("worker")
    await scripted.reap()
    record = await scripted.reader.record("1")

    assert (record.attempts, record.interrupted) == (1, 1)
    assert record.last_attempt() == failed


async def test_task_that_kills_three_workers_is_poison(scripted: ScriptedQueue) -> None:
    """The third death under a task makes it a dead letter in full, with the reason."""
    task = a_task(headers={"A": "1"}, body=b"deadly")
    await scripted.submit("1", task)
    states = []
    for number in range(3):
        await scripted.register(f"victim-{number}")
        await scripted.claim(f"victim-{number}")
        await scripted.expire(f"victim-{number}")
        await scripted.reap()
        states.append((await scripted.reader.record("1")).state)
    record = await scripted.reader.record("1")
    attempt = record.last_attempt()

    assert states == [State.QUEUED, State.QUEUED, State.DEAD]
    assert record.task() == task
    assert (record.attempts, record.interrupted) == (0, 3)
    assert attempt is not None
    assert attempt.outcome is Outcome.POISON
    await scripted.inspector.check()


async def test_goodbye_gives_back_what_is_held(
    open_queue: Callable[[], TaskQueue], scripted: ScriptedQueue
) -> None:
    """A worker that ends with claims in its hands leaves them to the others."""
    leaver = open_queue()
    await leaver.start_consuming(worker_id="leaver", concurrency=5)
    await leaver.submit(TaskId("1"), a_task())
    await leaver.claim(5)
    await leaver.disconnect()
    await scripted.reap()

    assert await scripted.inspector.places("1") == ["queued destination.test:80"]
    await scripted.inspector.check()


async def test_given_back_claims_count_nothing(queue: TaskQueue, scripted: ScriptedQueue) -> None:
    """``release`` puts a claim to the front of its lane: no attempt, no interruption."""
    await queue.start_consuming(worker_id="worker", concurrency=2)
    first, second = new_task_id(), new_task_id()
    await queue.submit(first, a_task())
    (claim,) = await queue.claim(1)
    await queue.submit(second, a_task())
    await queue.release([claim])
    claims = await queue.claim(2)

    assert [c.task_id for c in claims] == [first, second]
    assert (claims[0].attempt, claims[0].interrupted) == (1, 0)


async def test_claim_settled_and_given_back_in_one_call_ends_once(scripted: ScriptedQueue) -> None:
    """If a stopping worker releases a claim that it is settling, the first of both counts."""
    await scripted.register("worker")
    await scripted.submit("1", a_task())
    (claim,) = await scripted.claim("worker")
    settled = settle_arguments(claim, an_attempt(), Done(), 60_000)
    results = await scripted.settle_as("worker", *settled, *release_arguments(claim))

    assert results == [1, 0]
    assert await scripted.inspector.places("1") == []
    await scripted.inspector.check()


async def test_lost_claims_are_given_back_in_silence(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """Giving back a claim that is in other hands changes nothing and raises nothing."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    await scripted.expire(claim.lease)
    await scripted.reap()
    await queue.release([claim])

    assert await scripted.inspector.places("1") == ["queued destination.test:80"]
    await scripted.inspector.check()


async def test_lease_is_renewed_while_nothing_else_happens(
    queue: TaskQueue, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """The lease that a worker holds reaches 15 s ahead, and is moved on by itself."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.until_consuming()

    async def end() -> float:
        ((_, score),) = await raw_redis.zrange(scripted.key("workers"), 0, -1, withscores=True)
        return float(score)

    first = await end()

    async def moved_on() -> bool:
        return await end() > first + 1000

    assert 13_000 < first - now_ms() <= 15_500
    await wait_until(moved_on, "the lease is renewed", 10)
