"""The backlog by which workers are scaled: what a worker could do now, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
import redis.asyncio

from queue_common.options import Callback, TaskOptions
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key
from queue_common.retry import Done
from queue_common.task import TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt

HOUR_MS = 3600 * 1000
SOON_MS = 1000


async def backlog_of(queue: ScriptedQueue) -> int:
    return (await queue.stats.read()).backlog


async def throttled(queue: ScriptedQueue, lane: str, next_token_ms: int) -> None:
    """Let a lane with three waiting tasks have no token for a time, as a worker has seen."""
    await queue.submit_all([(f"{lane}-{i}", a_task(lane=lane)) for i in range(3)])
    await queue.slow(lane, next_token_ms)
    await queue.register("w")
    assert not await queue.claim("w")
    await queue.end_lease("w")


async def test_what_waits_and_what_is_due_counts(scripted: ScriptedQueue) -> None:
    """Tasks that wait and tasks that are due are the backlog; those due later are not."""
    await scripted.submit("waits")
    await scripted.submit("is-due", a_task(lane="x"), delay_ms=HOUR_MS)
    await scripted.make_due("is-due", "x")
    await scripted.submit("later", a_task(lane="y"), delay_ms=HOUR_MS)

    assert await backlog_of(scripted) == 2


async def test_callbacks_that_nobody_has_moved_count(scripted: ScriptedQueue) -> None:
    """A callback in the outbox needs a worker, though no task waits in its lane."""
    callback = Callback("http://told.test/done", ("delivered",), {})
    task = msgspec.structs.replace(a_task(), options=TaskOptions(callback=callback))
    await scripted.submit("a", task)
    await scripted.register("w")
    (claim,) = await scripted.claim("w")
    await scripted.settle(claim, Done(), an_attempt())
    read = await scripted.stats.read()

    assert (read.waiting, read.due, read.backlog) == (0, 0, 1)


async def test_tasks_of_a_paused_lane_do_not_count(scripted: ScriptedQueue) -> None:
    """No worker may start what waits or is due in a paused lane, so none is started for it."""
    await scripted.submit_all([(f"x{i}", a_task(lane="x")) for i in range(3)])
    await scripted.submit("due", a_task(lane="x"), delay_ms=HOUR_MS)
    await scripted.make_due("due", "x")
    await scripted.submit("y", a_task(lane="y"))
    await scripted.operations.pause("x")
    paused = await scripted.stats.read()
    await scripted.operations.resume("x")

    assert (paused.waiting, paused.due, paused.held, paused.backlog) == (4, 1, 4, 1)
    assert await backlog_of(scripted) == 5


async def test_cancelled_tasks_of_a_paused_lane_are_not_taken_off(scripted: ScriptedQueue) -> None:
    """A cancelled task in a paused lane takes nothing off the backlog of other lanes."""
    await scripted.submit_all([(f"x{i}", a_task(lane="x")) for i in range(3)])
    await scripted.submit("y", a_task(lane="y"))
    await scripted.operations.pause("x")
    await scripted.operations.cancel(TaskId("x1"))

    assert await backlog_of(scripted) == 1


async def test_a_paused_queue_has_no_backlog(scripted: ScriptedQueue) -> None:
    """While the whole queue is paused no worker is needed for what waits."""
    await scripted.submit_all([(f"x{i}", a_task(lane="x")) for i in range(3)])
    await scripted.operations.pause()

    assert await backlog_of(scripted) == 0


@pytest.mark.parametrize(("next_token_ms", "counted"), [(HOUR_MS, 0), (SOON_MS, 1)])
async def test_a_throttled_lane_counts_once_when_its_token_is_near(
    scripted: ScriptedQueue, next_token_ms: int, counted: int
) -> None:
    """A lane without a token needs a worker for its next one, not one for each task in it."""
    await throttled(scripted, "x", next_token_ms)

    assert await backlog_of(scripted) == counted


async def test_the_lanes_that_are_looked_at_are_bounded(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Of a thousand paused lanes a hundred are looked at: a read stays cheap."""
    tasks = [(f"{i}", a_task(lane=f"lane-{i}")) for i in range(1000)]
    await scripted.submit_all(tasks)
    await reply(raw_redis.sadd(scripted.keys.of(Key.PAUSED), *(task.lane for _, task in tasks)))

    assert (await scripted.stats.read()).held == 100
