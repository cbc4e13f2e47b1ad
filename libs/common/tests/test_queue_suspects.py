"""Tasks under which workers die: they block nobody, and only one that was alone is poison."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio

from queue_common.errors import WrongStateError
from queue_common.queue import Claim
from queue_common.queue.storage.connection import reply
from queue_common.retry import Done, RetryAt
from queue_common.task import State, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

NO_ROOM = -3
TASKS = 100
"""What a worker of these tests holds at most: 12 suspects of two crashes, 1 of three."""


async def crash(queue: ScriptedQueue, lease: str) -> None:
    """Let a worker die, and release its claims."""
    await queue.expire(lease)
    await queue.reap()


async def killed(queue: ScriptedQueue, times: int) -> None:
    """Let workers die under all that can be claimed, which is more than one task."""
    for number in range(times):
        await queue.register(f"victim-{number}", TASKS)
        await queue.claim(f"victim-{number}", TASKS)
        await crash(queue, f"victim-{number}")
        await look_soon(queue)


async def look_soon(queue: ScriptedQueue) -> None:
    """Let the pauses between looks for suspects, and between those that run alone, be over."""
    await reply(queue.raw.hdel(queue.key("n"), "look_after", "alone_after"))


async def test_a_suspect_does_not_block_its_lane(scripted: ScriptedQueue) -> None:
    """A task under which two workers died waits separately, and its lane continues."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 2)
    await scripted.submit("fresh", a_task(lane="a"))
    await scripted.register("worker", 10)
    snapshot = await scripted.inspector.check()
    # As a worker that holds as many suspects as it may.
    claims = await scripted.claim("worker", 10, idle=False, max_tasks=TASKS, suspects=12)

    assert set(snapshot.zsets["u:a"]) == {"s1", "s2"}
    assert [claim.task_id for claim in claims] == ["fresh"]
    await scripted.inspector.check()


async def test_suspects_are_looked_up_as_queued_tasks(scripted: ScriptedQueue) -> None:
    """Pages, counts and look-ups show them among the queued ones, behind those of their lane."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 2)
    await scripted.submit("fresh", a_task(lane="a"))
    pages, cursor = [], None
    for _ in range(3):
        page = await scripted.reader.list(State.QUEUED, cursor=cursor, limit=1)
        pages += [task.id for task in page.tasks]
        cursor = page.cursor

    assert pages == ["fresh", "s1", "s2"]
    assert (await scripted.reader.count()).queued == 3
    assert (await scripted.reader.count("a")).queued == 3
    assert (await scripted.reader.get_task(TaskId("s1"))).state is State.QUEUED
    assert (await scripted.snapshot()).lanes[0].waiting == 3


async def test_suspects_can_be_cancelled_and_purged(scripted: ScriptedQueue) -> None:
    """What operators do to queued tasks they do to suspects."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2", "s3")])
    await killed(scripted, 2)
    found = await scripted.operations.cancel(TaskId("s1"))
    await scripted.inspector.check()
    with pytest.raises(WrongStateError):
        await scripted.operations.run_now(TaskId("s2"))
    purged = await scripted.operations.purge("a")
    snapshot = await scripted.inspector.check()

    assert (found, purged) == (State.QUEUED, 2)
    assert not {"suspects", "u:a", "lanes"} & snapshot.keys


async def test_crashes_of_others_make_no_poison(scripted: ScriptedQueue) -> None:
    """However often workers die under two tasks at a time, neither is a dead letter."""
    await scripted.submit_all([(i, a_task(lane=i)) for i in ("one", "two")])
    for number in range(3):
        await scripted.register(f"victim-{number}")
        claims = await scripted.claim(f"victim-{number}", 10)
        assert len(claims) == 2
        await crash(scripted, f"victim-{number}")

    assert (await scripted.reader.count()).dead == 0
    assert (await scripted.reader.record("one")).interrupted == 3
    await scripted.inspector.check()


async def test_an_attempt_that_ends_clears_a_task(scripted: ScriptedQueue) -> None:
    """A suspect of which an attempt ended, even in vain, is a task as any other."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 2)
    await scripted.register("worker", 10)
    for claim in await scripted.claim("worker", 10):
        await scripted.settle(claim, RetryAt(now_ms()))

    assert (await scripted.reader.record("s1")).interrupted == 0
    await scripted.inspector.check()


async def test_a_worker_that_waits_for_a_suspect_claims_nothing_else(
    scripted: ScriptedQueue,
) -> None:
    """A worker finishes its tasks, then runs the suspect alone; other workers continue."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 3)
    await scripted.submit_all([(f"n{i}", a_task(lane="b")) for i in range(3)])
    for lease in ("worker", "other"):
        await scripted.register(lease, 10)
    waiting = await scripted.claim("worker", 1, idle=False, max_tasks=TASKS)
    elsewhere = await scripted.claim("other", 1, idle=False, max_tasks=TASKS)
    (alone,) = await scripted.claim("worker", 10, idle=True, max_tasks=TASKS)
    said = scripted.poll_again_ms
    nothing = await scripted.claim("worker", 10, idle=False, max_tasks=TASKS)
    await scripted.settle(alone, Done())
    following = await scripted.claim("worker", 10, idle=True, max_tasks=TASKS)
    await scripted.inspector.check()

    assert (waiting, nothing, said) == ([], [], NO_ROOM)
    assert [claim.task_id for claim in elsewhere] == ["n0"]
    assert alone.task_id in {"s1", "s2"}
    assert [claim.task_id for claim in following] == ["n1", "n2"]


async def test_a_worker_that_cannot_end_a_claim_goes_on(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """It waits for a suspect for ten minutes, and then claims what there is."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 3)
    await scripted.submit("n", a_task(lane="b"))
    await scripted.register("worker", 10)
    waiting = await scripted.claim("worker", 10, idle=False, max_tasks=TASKS)
    await reply(raw_redis.hset(scripted.key("n"), "alone_since", str(now_ms() - 601_000)))
    claims = await scripted.claim("worker", 10, idle=False, max_tasks=TASKS)

    assert waiting == []
    assert [claim.task_id for claim in claims] == ["n"]
    await scripted.inspector.check()


async def test_another_takes_the_place_of_a_worker_that_died_alone(
    scripted: ScriptedQueue,
) -> None:
    """The suspect under which it died is poison, and the next one runs alone elsewhere."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 3)
    await scripted.register("worker", 10)
    (first,) = await scripted.claim("worker", 10, max_tasks=TASKS)
    await crash(scripted, "worker")
    await scripted.register("other", 10)
    await look_soon(scripted)
    (second,) = await scripted.claim("other", 10, max_tasks=TASKS)
    await scripted.settle(second, Done())

    assert (await scripted.reader.record(first.task_id)).state is State.DEAD
    assert (await scripted.reader.record(second.task_id)).state is State.DELIVERED
    await scripted.inspector.check()


@pytest.mark.parametrize("innocent", [0, 60])
async def test_the_one_task_that_kills_is_found(scripted: ScriptedQueue, innocent: int) -> None:
    """A task that kills each worker is found after few crashes; all others are delivered."""
    others = [(f"{i:03}", a_task(lane=f"l{i % 7}")) for i in range(innocent)]
    await scripted.submit_all([("deadly", a_task(lane="x")), *others])
    crashes, number = 0, 0
    while (await scripted.reader.count()).queued:
        lease = f"worker-{number}"
        number += 1
        await scripted.register(lease, TASKS)
        await look_soon(scripted)
        held = await claim_all(scripted, lease)
        if any(claim.task_id == "deadly" for claim in held):
            crashes += 1
            await crash(scripted, lease)
        else:
            await asyncio.gather(*(scripted.settle(claim, Done()) for claim in held))
            await scripted.end_lease(lease)
        await scripted.inspector.check()
    counts = await scripted.reader.count()

    assert (counts.dead, counts.settled) == (1, innocent)
    assert (await scripted.reader.record("deadly")).state is State.DEAD
    assert crashes == (3 if innocent == 0 else 4)


async def claim_all(queue: ScriptedQueue, lease: str) -> list[Claim]:
    """Claim as a worker does that has room for all it may have."""
    held: list[Claim] = []
    while True:
        suspects = sum(claim.interrupted >= 2 for claim in held)
        claims = await queue.claim(
            lease, TASKS - len(held), idle=not held, max_tasks=TASKS, suspects=suspects
        )
        held += claims
        if not claims:
            return held


async def test_the_place_of_suspects_costs_nothing_when_there_are_none(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """When all suspects are settled, none of their keys is left."""
    await scripted.submit_all([(i, a_task(lane="a")) for i in ("s1", "s2")])
    await killed(scripted, 2)
    await scripted.register("worker", 10)
    for claim in await scripted.claim("worker", 10):
        await scripted.settle(claim, Done())

    assert await raw_redis.exists(scripted.key("suspects"), scripted.key("u:a")) == 0
    assert int(await reply(raw_redis.hget(scripted.key("n"), "suspects")) or 0) == 0
