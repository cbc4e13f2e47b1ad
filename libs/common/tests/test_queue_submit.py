"""Enqueue: idempotent by id, one bad task fails alone, a cancelled caller harms no other."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio

from queue_common.errors import ConflictError, UnknownTaskError
from queue_common.queue import TaskQueue
from queue_common.queue.storage.record import queued_record
from queue_common.retry import Dead, Done
from queue_common.task import State, TaskId
from queue_testing.inspector import QueueInspector
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms


async def test_new_task_is_queued(queue: TaskQueue, inspector: QueueInspector) -> None:
    """A task without delay waits in its lane as it was sent."""
    task = a_task("https://a.test/x", body=b"\x00\xff")
    new = await queue.submit(TaskId("1"), task)
    found = await queue.get_task(TaskId("1"))

    assert new is True
    assert (found.state, found.lane, found.task) == (State.QUEUED, "a.test:443", task)
    assert (found.attempts, found.interrupted, found.last_attempt) == (0, 0, None)
    assert await inspector.places("1") == ["queued a.test:443"]


async def test_delayed_task_is_scheduled(queue: TaskQueue, inspector: QueueInspector) -> None:
    """A task with a delay waits for its due time, which a look-up tells."""
    before = now_ms()
    await queue.submit(TaskId("1"), a_task(lane="a"), delay_ms=60_000)
    found = await queue.get_task(TaskId("1"))

    assert found.state is State.SCHEDULED
    assert found.due_at_ms is not None
    assert 59_000 <= found.due_at_ms - before <= 61_000
    assert await inspector.places("1") == ["scheduled a"]


async def test_same_task_again_is_the_first(queue: TaskQueue, inspector: QueueInspector) -> None:
    """The same id with the same content says that it was there, and adds nothing."""
    first = await queue.submit(TaskId("1"), a_task())
    again = await queue.submit(TaskId("1"), a_task(), delay_ms=1000)

    assert (first, again) == (True, False)
    assert (await queue.reader.count()).queued == 1
    await inspector.check()


async def test_same_id_with_other_content_is_a_conflict(queue: TaskQueue) -> None:
    """The same id with another body is refused, and the first task stays as it was."""
    await queue.submit(TaskId("1"), a_task(body=b"first"))
    with pytest.raises(ConflictError, match="id 1 and other content"):
        await queue.submit(TaskId("1"), a_task(body=b"second"))
    found = await queue.get_task(TaskId("1"))

    assert found.task is not None
    assert found.task.body == b"first"


@pytest.mark.parametrize("decision", [Done(), Dead("enough")], ids=["delivered", "dead"])
async def test_settled_task_is_known_while_its_record_is_kept(
    decision: Done | Dead, scripted: ScriptedQueue
) -> None:
    """A task sent again after its end is not made again: a client may retry late."""
    await scripted.register("worker")
    await scripted.submit("1", a_task())
    await scripted.settle((await scripted.claim("worker"))[0], decision)

    assert await scripted.submit("1", a_task()) == 0
    assert await scripted.submit("1", a_task(body=b"other")) == -1
    await scripted.inspector.check()


async def test_same_id_twice_in_one_batch(queue: TaskQueue, inspector: QueueInspector) -> None:
    """Concurrent submissions of one id make one task; other content conflicts in the same batch."""
    results = await asyncio.gather(
        queue.submit(TaskId("1"), a_task(body=b"a")),
        queue.submit(TaskId("1"), a_task(body=b"a")),
        queue.submit(TaskId("1"), a_task(body=b"b")),
        return_exceptions=True,
    )

    assert (results[0], results[1]) == (True, False)
    assert isinstance(results[2], ConflictError)
    assert (await queue.reader.count()).queued == 1
    await inspector.check()


@pytest.mark.parametrize(
    "foreign",
    [("RPUSH", "foreign"), ("HSET", "foreign", "1"), ("SET", "foreign")],
    ids=["list", "hash", "string"],
)
async def test_bad_task_fails_alone(
    foreign: tuple[str, ...],
    queue: TaskQueue,
    scripted: ScriptedQueue,
    raw_redis: redis.asyncio.Redis,
) -> None:
    """A task whose key holds something else fails by itself: the others of its batch are new."""
    key = scripted.key("t:bad")
    await raw_redis.execute_command(foreign[0], key, *foreign[1:])  # type: ignore[no-untyped-call]
    results = await asyncio.gather(
        *(queue.submit(TaskId(i), a_task()) for i in ("1", "bad", "2")), return_exceptions=True
    )
    await raw_redis.delete(key)

    assert (results[0], results[2]) == (True, True)
    assert isinstance(results[1], ConflictError)
    assert (await queue.reader.count()).queued == 2


@pytest.mark.parametrize("off_ms", [-600_000, 0, 600_000], ids=["slow", "right", "fast"])
async def test_a_task_waits_by_the_servers_clock(
    off_ms: int, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """However wrong the API's clock is, a task waits since Redis took it."""
    task = a_task()
    record = queued_record(task.lane, task.encode(), task.digest())
    sent_ms = int.from_bytes(record[1:9], "big") + off_ms
    as_sent = record[:1] + sent_ms.to_bytes(8, "big") + record[9:]
    await scripted.scripts.run("enqueue", 0, 0, "1", task.lane, 0, as_sent)
    seconds, microseconds = await raw_redis.time()
    waiting_since_ms = (await scripted.reader.get_task(TaskId("1"))).due_at_ms or 0

    assert abs(seconds * 1000 + microseconds / 1000 - waiting_since_ms) < 5000
    await scripted.inspector.check()


async def test_task_that_cannot_be_written_fails_alone(queue: TaskQueue) -> None:
    """A lane longer than a record can hold fails its own caller and no other."""
    results = await asyncio.gather(
        queue.submit(TaskId("1"), a_task()),
        queue.submit(TaskId("2"), a_task(lane="x" * 70_000)),
        queue.submit(TaskId("3"), a_task()),
        return_exceptions=True,
    )

    assert (results[0], results[2]) == (True, True)
    assert isinstance(results[1], Exception)


async def test_cancelled_caller_harms_no_other(queue: TaskQueue) -> None:
    """A client that hangs up while its batch is under way leaves the rest of it alone."""
    submissions = [asyncio.create_task(queue.submit(TaskId(str(i)), a_task())) for i in range(50)]
    await asyncio.sleep(0)
    submissions[0].cancel()
    submissions[25].cancel()
    results = await asyncio.gather(*submissions, return_exceptions=True)

    assert sum(result is True for result in results) == 48
    assert await queue.submit(TaskId("later"), a_task())


async def test_cancelled_last_caller_leaves_the_queue_usable(queue: TaskQueue) -> None:
    """A lone caller that is cancelled takes nobody's turn with it."""
    lone = asyncio.create_task(queue.submit(TaskId("1"), a_task()))
    await asyncio.sleep(0)
    lone.cancel()
    await asyncio.gather(lone, return_exceptions=True)

    assert await asyncio.wait_for(queue.submit(TaskId("2"), a_task()), 5)


async def test_unknown_id_is_unknown(queue: TaskQueue) -> None:
    """A look-up of what never was says so."""
    with pytest.raises(UnknownTaskError, match="no task has the id nothing"):
        await queue.get_task(TaskId("nothing"))


async def test_queued_is_since_when_it_waits(queue: TaskQueue) -> None:
    """A queued task tells since when it could have been claimed."""
    before = now_ms()
    await queue.submit(TaskId("1"), a_task())
    found = await queue.get_task(TaskId("1"))

    assert found.due_at_ms is not None
    assert before - 1000 <= found.due_at_ms <= now_ms() + 1000
    assert found.finished_at_ms is None
