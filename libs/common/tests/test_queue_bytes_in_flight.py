"""The bytes that a worker holds are bounded, and so is one reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from queue_common.queue import Claim, TaskQueue
from queue_common.retry import Done
from queue_common.task import TaskId
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt

MIB = 1 << 20
NO_ROOM = -3


async def fill(queue: ScriptedQueue, lane: str, *sizes: int) -> None:
    """Submit tasks ``<lane>-0``, ``<lane>-1``, ... with bodies of these sizes."""
    tasks = [a_task(lane=lane, body=b"x" * size) for size in sizes]
    await queue.submit_all([(f"{lane}-{i}", task) for i, task in enumerate(tasks)])


def ids(claims: list[Claim]) -> list[str]:
    return [claim.task_id for claim in claims]


@pytest.mark.parametrize("free", [2500, 4 * MIB + 2500], ids=["little room", "much room"])
async def test_a_claim_takes_what_there_is_room_for(scripted: ScriptedQueue, free: int) -> None:
    """The first task that does not fit ends the claim; it stays in front, as does its lane."""
    await scripted.register("worker", 100)
    large = free - 2500
    await fill(scripted, "a", *([large, 1000, 2000, 10] if large else [1000, 2000, 10]))
    await fill(scripted, "b", 10)
    claims = await scripted.claim("worker", 100, free=free, idle=False)
    poll_again_ms = scripted.poll_again_ms
    await scripted.inspector.check()
    following = await scripted.claim("worker", 1, free=free)

    assert sum(claim.size for claim in claims) <= free
    assert poll_again_ms == NO_ROOM
    assert ids(claims) == (["a-0", "a-1"] if large else ["a-0"])
    assert ids(following) == (["a-2"] if large else ["a-1"])


async def test_a_task_larger_than_the_room_waits_for_an_idle_worker(
    scripted: ScriptedQueue,
) -> None:
    """Who holds anything does not get it; who holds nothing gets it alone."""
    await scripted.register("worker", 100)
    await fill(scripted, "a", 5000, 10)
    busy = await scripted.claim("worker", 10, free=1000, idle=False)
    idle = await scripted.claim("worker", 10, free=1000, idle=True)
    await scripted.inspector.check()

    assert ids(busy) == []
    assert ids(idle) == ["a-0"]


async def test_one_reply_is_bounded(scripted: ScriptedQueue) -> None:
    """However much room there is, one reply brings 16 MiB, and the worker looks again at once."""
    await scripted.register("worker", 100)
    await fill(scripted, "a", *[MIB] * 20)
    claims = await scripted.claim("worker", 100)
    poll_again_ms = scripted.poll_again_ms
    rest = await scripted.claim("worker", 100)

    assert len(claims) == 15
    assert poll_again_ms == 0
    assert ids(claims + rest) == [f"a-{i}" for i in range(20)]
    await scripted.inspector.check()


async def test_a_claim_that_waits_for_room_goes_on_when_there_is_some(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """A worker without room claims nothing, and the next task as soon as one has been settled."""
    await queue.start_consuming(worker_id="worker", concurrency=10, max_bytes=2500)
    await fill(scripted, "a", 1000, 1000, 1000, 1000)
    held: list[Claim] = []
    while len(held) < 2:
        held += await queue.claim(10)
    waiting = asyncio.create_task(queue.claim(10))
    consumer = queue._started_consumer()
    await wait_until(lambda: consumer.idle.is_set(), "the claim has found no room")
    waiting_for_work = consumer.claims.waiting_for_work.is_set()
    await queue.settle(held[0], an_attempt(), Done())
    (third,) = await waiting
    await queue.settle(held[1], an_attempt(), Done())
    await queue.settle(third, an_attempt(), Done())
    (fourth,) = await queue.claim(10)
    await queue.settle(fourth, an_attempt(), Done())

    assert not waiting_for_work
    assert ids([*held, third, fourth]) == ["a-0", "a-1", "a-2", "a-3"]
    assert queue.bytes_in_flight == 0
    await scripted.inspector.check()


async def test_what_does_not_fit_here_wakes_another(
    queue: TaskQueue, open_queue: Callable[[], TaskQueue], scripted: ScriptedQueue
) -> None:
    """A task for which one worker has no room is claimed by another that has."""
    await queue.start_consuming(worker_id="full", concurrency=10, max_bytes=1500)
    await fill(scripted, "a", 1000)
    (held,) = await queue.claim(10)
    waiting = asyncio.create_task(queue.claim(10))
    second = open_queue()
    await second.start_consuming(worker_id="other", concurrency=10, max_bytes=5000)
    other = asyncio.create_task(second.claim(10))
    await second.submit(TaskId("b-0"), a_task(lane="b", body=b"x" * 1000))
    (claim,) = await asyncio.wait_for(other, 10)
    queue.stop_claiming()

    assert claim.task_id == "b-0"
    assert await waiting == []
    await queue.settle(held, an_attempt(), Done())
    await second.settle(claim, an_attempt(), Done())
