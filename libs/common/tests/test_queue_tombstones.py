"""Cancelled tasks leave tombstones in their lanes' lists, which are never taken for tasks."""

from __future__ import annotations

import pytest
import redis.asyncio

from queue_common.settings import QueueSettings
from queue_common.task import State, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task


@pytest.fixture
def forgetful(raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings) -> ScriptedQueue:
    """A queue that keeps no settled records, so that ids can be used again at once."""
    return ScriptedQueue(raw_redis, queue_settings.queue_name, result_ttl_ms=0)


async def test_tombstone_in_another_lane_is_not_claimed(forgetful: ScriptedQueue) -> None:
    """A cancelled id that was sent again in another lane is claimed once, from its new lane."""
    await forgetful.register("worker")
    await forgetful.submit("1", a_task(lane="old"))
    await forgetful.submit("2", a_task(lane="old"))
    await forgetful.operations.cancel(TaskId("1"))
    await forgetful.submit("1", a_task(lane="new"))
    await forgetful.inspector.check()

    claims = await forgetful.claim("worker")

    await forgetful.inspector.check()
    assert sorted((c.task_id, c.lane) for c in claims) == [("1", "new"), ("2", "old")]


async def test_purge_spares_an_id_sent_again_elsewhere(forgetful: ScriptedQueue) -> None:
    """Purging a lane removes no task of another lane whose id once stood in the purged one."""
    await forgetful.submit("1", a_task(lane="old"))
    await forgetful.submit("2", a_task(lane="old"))
    await forgetful.operations.cancel(TaskId("1"))
    await forgetful.submit("1", a_task(lane="new"))

    removed = await forgetful.operations.purge("old")

    await forgetful.inspector.check()
    assert removed == 1
    assert await forgetful.inspector.places("1") == ["queued new"]


async def test_purge_goes_on_behind_tombstones(scripted: ScriptedQueue) -> None:
    """A purge whose first step finds only tombstones still removes the tasks behind them."""
    await scripted.submit_all([(str(i), a_task(lane="a")) for i in range(1500)])
    for i in range(1000):
        await scripted.operations.cancel(TaskId(str(i)))

    removed = await scripted.operations.purge("a")

    await scripted.inspector.check()
    assert removed == 500


async def test_id_sent_again_in_its_lane_is_claimed_once(forgetful: ScriptedQueue) -> None:
    """An id that was cancelled and sent again in the same lane is handed out once."""
    await forgetful.register("worker")
    await forgetful.submit("1", a_task(lane="a"))
    await forgetful.submit("2", a_task(lane="a"))
    await forgetful.operations.cancel(TaskId("1"))
    await forgetful.submit("1", a_task(lane="a", body=b"again"))

    claims = await forgetful.claim("worker")
    await forgetful.release(claims[0])
    again = await forgetful.claim("worker")

    await forgetful.inspector.check()
    assert sorted(c.task_id for c in claims) == ["1", "2"]
    assert [c.task_id for c in again] == [claims[0].task_id]


async def test_id_sent_again_in_its_lane_is_listed_once(forgetful: ScriptedQueue) -> None:
    """A list of queued tasks shows an id once, its tombstone not at all."""
    await forgetful.submit("1", a_task(lane="a"))
    await forgetful.submit("2", a_task(lane="a"))
    await forgetful.operations.cancel(TaskId("1"))
    await forgetful.submit("1", a_task(lane="a"))

    page = await forgetful.reader.list(State.QUEUED)

    assert sorted(task.id for task in page.tasks) == ["1", "2"]
    assert (await forgetful.reader.count("a")).queued == 2


async def test_lane_of_tombstones_is_gone(forgetful: ScriptedQueue) -> None:
    """Cancelling all of a lane's queued tasks leaves no key behind."""
    for i in range(3):
        await forgetful.submit(str(i), a_task(lane="a"))
    for i in range(3):
        await forgetful.operations.cancel(TaskId(str(i)))

    snapshot = await forgetful.inspector.check()
    assert not snapshot.leftovers()
