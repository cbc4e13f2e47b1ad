"""A Redis that stands still: whoever waits is told in time, and nothing is lost or mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from queue_common.errors import IntakeFullError, QueueUnavailableError
from queue_common.queue import TaskQueue
from queue_common.queue.activity import Activity
from queue_common.queue.enqueue_batcher import EnqueueBatcher
from queue_common.queue.hooks import QueueHooks
from queue_common.queue.storage import connection as connections
from queue_common.queue.storage.connection import open_client
from queue_common.queue.storage.reply_deadline import reply_within
from queue_common.queue.storage.scripts import Scripts
from queue_common.retry import Done
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer, wait_until
from queue_testing.inspector import QueueInspector
from queue_testing.tasks import a_task, an_attempt

NAME = "silence"
SOON = 0.3
"""Seconds that a silent Redis is waited for."""


class Submissions(QueueHooks):
    """Keeps what became of batches."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    def submitted(self, tasks: int, error: str) -> None:
        self.ended.append((tasks, error))


@pytest.fixture
def server(start_server: Callable[..., RedisServer]) -> Iterator[RedisServer]:
    """A server of the test's own, which can be paused."""
    server = start_server()
    yield server
    server.resume()


@pytest.fixture
async def queue(server: RedisServer) -> AsyncIterator[TaskQueue]:
    """A client of the queue."""
    queue = TaskQueue(RedisSettings(redis_addr=server.address), QueueSettings(queue_name=NAME))
    yield queue
    server.resume()
    await queue.disconnect()


@pytest.fixture
def ended() -> Submissions:
    """What became of the submitter's batches."""
    return Submissions()


@pytest.fixture
async def open_submitter(
    server: RedisServer, ended: Submissions
) -> AsyncIterator[Callable[..., EnqueueBatcher]]:
    """Opens submitters that give a silent Redis up soon."""
    client = open_client(RedisSettings(redis_addr=server.address), retries=1)

    def open_one(**bounds: int) -> EnqueueBatcher:
        scripts = Scripts(client, NAME)
        return EnqueueBatcher(
            scripts, ended, Activity(scripts), replicas=0, reply_seconds=SOON, **bounds
        )

    yield open_one
    await client.aclose()


def _submit(
    submitter: EnqueueBatcher, task_id: str, body: bytes = b"x"
) -> asyncio.Future[bool | TaskId]:
    task = a_task(lane="a", body=body)
    return submitter.submit(TaskId(task_id), task.lane, task.encode(), task.digest())


async def _until_sent(client: TaskQueue) -> None:
    """Return once Redis has run all earlier commands: it has replied to a later client."""
    await client.ping()


async def test_all_who_wait_fail_with_the_batch_that_got_no_reply(
    server: RedisServer, open_submitter: Callable[..., EnqueueBatcher], ended: Submissions
) -> None:
    """A thousand submissions fail together: no batch waits for Redis after another has."""
    submitter = open_submitter()
    assert await _submit(submitter, "before")
    server.pause()
    results = await asyncio.gather(
        *(_submit(submitter, str(i)) for i in range(1000)), return_exceptions=True
    )

    assert {type(result) for result in results} == {QueueUnavailableError}
    assert ended.ended == [(1, ""), (1000, "QueueUnavailableError")]


async def test_late_reply_is_nobody_elses(
    server: RedisServer, open_submitter: Callable[..., EnqueueBatcher], queue: TaskQueue
) -> None:
    """A reply after a timeout does not reach a later call, and an accepted task is stored."""
    submitter = open_submitter()
    assert await _submit(submitter, "known")
    server.pause()
    given_up = await asyncio.gather(
        _submit(submitter, "known"), _submit(submitter, "cut"), return_exceptions=True
    )
    server.resume()
    # "known" again would get 0, "cut" 1: in that order they would be the next two's.
    later = [await _submit(submitter, "new"), await _submit(submitter, "known")]
    # Whether the cut one was written is not known to its client, which sends it again.
    again = await _submit(submitter, "cut")

    assert [type(result) for result in given_up] == [QueueUnavailableError] * 2
    assert later == [True, False]
    assert again in {True, False}
    assert (await queue.reader.count()).queued == 3
    for task_id in ("known", "cut", "new"):
        assert (await queue.get_task(TaskId(task_id))).id == task_id


async def test_late_record_is_not_anothers(server: RedisServer, queue: TaskQueue) -> None:
    """After a look-up that was given up the next one finds its own task."""
    for task_id in ("1", "2"):
        await queue.submit(TaskId(task_id), a_task(f"http://{task_id}.test/"))
    server.pause()
    with pytest.raises(QueueUnavailableError, match="no reply"):
        async with reply_within(SOON):
            await queue.get_task(TaskId("1"))
    server.resume()
    found = await queue.get_task(TaskId("2"))

    assert found.lane == "2.test:80"


async def test_what_waits_is_bounded_in_bytes(
    server: RedisServer, open_submitter: Callable[..., EnqueueBatcher], ended: Submissions,
    queue: TaskQueue,
) -> None:  # fmt: skip
    """A task over the limit is refused at once and not written; replies make room again."""
    submitter = open_submitter(max_waiting_bytes=250_000)
    server.pause()
    waiting = [_submit(submitter, str(i), bytes(100_000)) for i in range(2)]
    refused = _submit(submitter, "refused", bytes(100_000))

    assert refused.done()
    with pytest.raises(IntakeFullError):
        await refused
    assert not any(future.done() for future in waiting)
    assert ended.ended == [(1, "IntakeFullError")]
    await asyncio.gather(*waiting, return_exceptions=True)
    server.resume()
    assert [await _submit(submitter, str(i), bytes(100_000)) for i in (3, 4, 5)] == [True] * 3
    await _until_sent(queue)
    assert await _is_unknown(queue, "refused")


async def _is_unknown(queue: TaskQueue, task_id: str) -> bool:
    return await queue.reader.records([task_id]) == [None]


async def test_task_over_the_bound_alone_is_taken(
    open_submitter: Callable[..., EnqueueBatcher],
) -> None:
    """A bound below one task's size keeps no task out while nothing waits."""
    submitter = open_submitter(max_waiting_bytes=1)

    assert [await _submit(submitter, str(i)) for i in range(3)] == [True] * 3


async def test_silent_redis_loses_no_claim(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims and settlements that got no reply are found again, and end once each."""
    monkeypatch.setattr(connections, "REPLY_TIMEOUT_SECONDS", SOON)
    queue = TaskQueue(RedisSettings(redis_addr=server.address), QueueSettings(queue_name=NAME))
    await queue.start_consuming(worker_id="worker", concurrency=100)
    ids = {f"{i:02}" for i in range(20)}
    for task_id in ids:
        await queue.submit(TaskId(task_id), a_task(lane="a"))
    first = await queue.claim(5)
    server.pause()
    settled = [asyncio.ensure_future(queue.settle(c, an_attempt(), Done())) for c in first]
    claimed = asyncio.create_task(queue.claim(100))
    await asyncio.sleep(2 * SOON)
    server.resume()
    await asyncio.gather(*settled)
    claims = await claimed
    while len(claims) < 15:
        claims += await queue.claim(100)
    assert not any([await queue.settle(claim, an_attempt(), Done()) for claim in claims])
    client = open_client(RedisSettings(redis_addr=server.address))
    inspector = QueueInspector(client, NAME)

    async def all_settled() -> bool:
        return (await queue.reader.count()).settled == 20

    await wait_until(all_settled, "all tasks are settled")
    assert {claim.task_id for claim in [*first, *claims]} == ids
    assert (await queue.reader.counters())["delivered_total"] == 20
    await inspector.check()
    await client.aclose()
    await queue.disconnect()
