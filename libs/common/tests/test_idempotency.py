"""A name that a client gives its request makes one task, however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import msgspec
import pytest
from redis.asyncio import Redis

from queue_common.errors import ConflictError, IdempotencyConflictError
from queue_common.lanes import lane_in
from queue_common.options import TaskOptions
from queue_common.queue import Key, TaskQueue
from queue_common.queue.storage.connection import reply
from queue_common.retry import Dead, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Outcome, State, Task, TaskId, new_task_id
from queue_testing import wait_until
from queue_testing.tasks import a_task, an_attempt, now_ms


def named(key: str = "k", *, body: bytes = b"x", project: str = "default") -> Task:
    task = a_task(body=body)
    options = TaskOptions(idempotency_key=key)
    return msgspec.structs.replace(task, options=options, lane=lane_in(project, task.lane))


async def stored(queue: TaskQueue, task: Task) -> tuple[TaskId, bool | str]:
    task_id = new_task_id()
    return task_id, await queue.submission(task_id, task)


@pytest.fixture
async def open_with(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> AsyncIterator[Callable[..., TaskQueue]]:
    """Opens the test's queue with other settings."""
    opened: list[TaskQueue] = []

    def open_one(**changes: object) -> TaskQueue:
        settings = queue_settings.model_copy(update=changes)
        opened.append(TaskQueue(redis_settings, settings))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.disconnect()


async def settled(queue: TaskQueue, decision: Dead | Done) -> TaskId:
    """Claim the one task and settle it so."""
    await queue.start_consuming(worker_id="w", concurrency=10)
    (claim,) = await queue.claim(1)
    outcome = Outcome.DELIVERED if isinstance(decision, Done) else Outcome.TIMEOUT
    await queue.settle(claim, an_attempt(outcome), decision)
    return claim.task_id


async def test_the_same_request_is_the_first_task(queue: TaskQueue) -> None:
    """A request that is sent again under its name is answered with the task that it has made."""
    first, new = await stored(queue, named())
    again = [await stored(queue, named()) for _ in range(3)]

    assert new is True
    assert [result for _, result in again] == [first] * 3
    assert (await queue.reader.count()).queued == 1


async def test_at_once_makes_one_task(queue: TaskQueue) -> None:
    """Of requests that come at the same time, in one batch too, one makes the task."""
    ids = [new_task_id() for _ in range(50)]

    results = await asyncio.gather(*(queue.submission(task_id, named()) for task_id in ids))

    assert results.count(True) == 1
    first = ids[results.index(True)]
    assert set(results) == {True, first}
    assert (await queue.reader.count()).queued == 1


async def test_another_request_is_refused(queue: TaskQueue) -> None:
    """A name that belongs to another request is an error of its sender, alone in its batch."""
    await stored(queue, named())
    other, plain = await asyncio.gather(
        queue.submission(new_task_id(), named(body=b"y")),
        queue.submission(new_task_id(), a_task()),
        return_exceptions=True,
    )

    assert isinstance(other, IdempotencyConflictError)
    assert plain is True


async def test_projects_have_names_of_their_own(queue: TaskQueue) -> None:
    """The same name in two projects names two tasks."""
    results = [await stored(queue, named(project=name)) for name in ("default", "a", "b")]

    assert [result for _, result in results] == [True] * 3


async def test_a_submission_that_runs_twice_is_new_once(queue: TaskQueue) -> None:
    """A batch that is sent again after a lost reply finds its own task, not another's."""
    task_id, task = new_task_id(), named()

    assert await queue.submission(task_id, task) is True
    assert await queue.submission(task_id, task) is False


async def test_an_id_of_another_task_takes_no_name(queue: TaskQueue) -> None:
    """What is refused for its id leaves the name free."""
    taken = new_task_id()
    await queue.submit(taken, a_task(body=b"other"))
    with pytest.raises(ConflictError):
        await queue.submission(taken, named())

    _, result = await stored(queue, named())
    assert result is True


async def test_a_delivered_task_keeps_its_name(queue: TaskQueue) -> None:
    """The name of a delivered task is remembered, also when the task's record is gone."""
    first, _ = await stored(queue, named())
    await settled(queue, Done())
    await queue.client.delete(f"{{{queue.name}}}:t:{first}")

    _, result = await stored(queue, named())
    assert result == first


async def test_a_dead_task_frees_its_name(queue: TaskQueue) -> None:
    """What has died can be sent again under its name."""
    await stored(queue, named())
    await settled(queue, Dead("no"))

    _, result = await stored(queue, named(body=b"other"))
    assert result is True


async def test_a_freed_name_is_not_bound_to_the_ended_task_again(queue: TaskQueue) -> None:
    """A task that has ended does not take its freed name again when it is sent again."""
    dead, _ = await stored(queue, named("dead"))
    await settled(queue, Dead("no"))
    cancelled, _ = await stored(queue, named("cancelled"))
    await queue.operations.cancel(cancelled)

    again = [
        await queue.submission(task_id, named(key))
        for task_id, key in ((dead, "dead"), (cancelled, "cancelled"))
    ]
    new = [(await stored(queue, named(key)))[1] for key in ("dead", "cancelled")]

    assert again == [False, False]
    assert new == [True, True]


async def test_a_failed_task_keeps_its_name(queue: TaskQueue) -> None:
    """A task that is tried again is the same task."""
    first, _ = await stored(queue, named())
    await queue.start_consuming(worker_id="w", concurrency=10)
    (claim,) = await queue.claim(1)
    await queue.settle(claim, an_attempt(Outcome.TIMEOUT), RetryAt(now_ms() + 60_000))

    _, result = await stored(queue, named())
    assert result == first


async def test_a_cancelled_task_frees_its_name(queue: TaskQueue) -> None:
    """A task that is cancelled while it waits, or while it is active, frees its name."""
    first, _ = await stored(queue, named())
    await queue.operations.cancel(first)
    second, again = await stored(queue, named())
    assert again is True

    await queue.start_consuming(worker_id="w", concurrency=10)
    (claim,) = await queue.claim(1)
    assert claim.task_id == second
    await queue.operations.cancel(second)
    assert await queue.settle(claim, an_attempt(Outcome.TIMEOUT), RetryAt(now_ms())) is True

    _, third = await stored(queue, named())
    assert third is True
    assert (await queue.get_task(second)).state is State.CANCELLED


async def test_a_purged_task_frees_its_name(queue: TaskQueue) -> None:
    """What is removed with its lane can be sent again."""
    await stored(queue, named())
    await queue.operations.purge(named().lane)

    _, result = await stored(queue, named())
    assert result is True


async def test_a_name_is_forgotten_after_its_time(
    open_with: Callable[..., TaskQueue], raw_redis: Redis
) -> None:
    """After IDEMPOTENCY_TTL nothing of a name is left."""
    queue = open_with(idempotency_ttl=timedelta(milliseconds=50))
    keys = queue.keys
    names = [keys.of(Key.IDEMPOTENT_NAMES), keys.of(Key.IDEMPOTENT_ORDER)]
    await stored(queue, named())

    async def all_gone() -> bool:
        return bool(await raw_redis.exists(*names) == 0)

    await wait_until(all_gone, "the names are gone")
    assert [key async for key in raw_redis.scan_iter(keys.of(Key.IDEMPOTENT, "*"))] == []
    assert (await stored(queue, named()))[1] is True


async def test_names_are_bounded(open_with: Callable[..., TaskQueue], raw_redis: Redis) -> None:
    """Over IDEMPOTENCY_MAX the oldest names go, and are counted."""
    queue = open_with(idempotency_max=3)
    for number in range(6):
        await stored(queue, named(f"k{number}"))

    found = [(await stored(queue, named(f"k{number}")))[1] is True for number in (5, 4, 3, 0)]
    names = [key async for key in raw_redis.scan_iter(queue.keys.of(Key.IDEMPOTENT, "*"))]
    removed = await reply(raw_redis.hget(queue.keys.of(Key.COUNTERS), "idempotent_removed_total"))
    assert found == [False, False, False, True]
    assert len(names) == 3
    assert int(removed or 0) == 4


async def test_names_of_a_batch_are_bounded(
    open_with: Callable[..., TaskQueue], raw_redis: Redis
) -> None:
    """Names that come together are bounded as those that come one by one."""
    queue = open_with(idempotency_max=30)
    for first in range(0, 100, 20):
        tasks = [(new_task_id(), named(f"k{first + i}")) for i in range(20)]
        assert all(await asyncio.gather(*(queue.submission(*task) for task in tasks)))

    names = [key async for key in raw_redis.scan_iter(queue.keys.of(Key.IDEMPOTENT, "*"))]
    of_tasks = await reply(raw_redis.hlen(queue.keys.of(Key.IDEMPOTENT_NAMES)))
    assert (len(names), of_tasks) == (30, 30)
    assert (await queue.reader.count()).queued == 100


async def test_new_names_cost_a_batch_little(queue: TaskQueue, raw_redis: Redis) -> None:
    """Tasks that come together with new names are stored by one write, as those without."""

    async def calls(command: str) -> int:
        stats = (await raw_redis.info("commandstats")).get(f"cmdstat_{command}", {"calls": 0})
        return int(stats["calls"])

    before = await calls("mset"), await calls("get"), await calls("rpush")
    tasks = [(new_task_id(), named(f"k{number}")) for number in range(100)]
    assert all(await asyncio.gather(*(queue.submission(*task) for task in tasks)))

    assert await calls("mset") > before[0]
    assert await calls("get") == before[1]
    assert await calls("rpush") - before[2] <= 10
