"""Cluster-ready: all keys of one queue share a hash tag, and an idle queue has few."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis.asyncio
import saq

from queue_common.queue import TaskQueue
from queue_common.queue.storage.keys import Key
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer
from queue_testing.inspector import QueueInspector
from queue_testing.tasks import a_task, an_attempt, now_ms


def _without_member(key: str) -> str:
    name, colon, _ = key.partition(":")
    return name + colon


async def test_all_keys_share_the_queues_hash_tag(
    start_server: Callable[..., RedisServer],
) -> None:
    """Whatever a queue does, its keys begin with its hash tag, and ``Key`` lists them."""
    server = start_server()
    settings = QueueSettings(queue_name="my.queue")
    queue = TaskQueue(RedisSettings(redis_addr=server.address), settings)
    await queue.start_consuming(worker_id="worker", concurrency=10)
    for i in range(6):
        await queue.submit(TaskId(str(i)), a_task(lane="}odd{lane:1"))
    await queue.submit(TaskId("later"), a_task(), delay_ms=60_000)
    decisions: list[Decision] = [Done(), RetryAt(now_ms() + 60_000), Dead("enough")]
    for decision in decisions:
        (claim,) = await queue.claim(1)
        await queue.settle(claim, an_attempt(), decision)
    await queue.claim(1)
    await queue.operations.cancel(TaskId("5"))
    await queue.operations.pause("other")
    saq_queue = SaqQueue(queue)
    await saq_queue.enqueue("function")
    await saq.Worker(saq_queue, [], id="saq").worker_info()
    async with redis.asyncio.Redis(port=server.port) as client:
        keys = {key.decode() for key in await client.keys()}
    await queue.disconnect()

    assert {key[: len("{my.queue}:")] for key in keys} == {"{my.queue}:"}
    names = {_without_member(key.removeprefix("{my.queue}:")) for key in keys}
    assert names <= set(Key)
    assert len(names) > 15


async def test_empty_queue_has_only_its_fixed_keys(
    queue: TaskQueue, inspector: QueueInspector
) -> None:
    """After 200 tasks in 50 lanes came and went, no key of a task or lane is left."""
    await queue.start_consuming(worker_id="worker", concurrency=100)
    tasks = [(TaskId(str(i)), a_task(lane=f"lane-{i % 50}")) for i in range(200)]
    await asyncio.gather(*(queue.submit(task_id, task) for task_id, task in tasks))
    settled = 0
    while settled < 200:
        claims = await queue.claim(64)
        await asyncio.gather(*(queue.settle(c, an_attempt(), Done()) for c in claims))
        settled += len(claims)
    snapshot = await inspector.check()

    assert {key for key in snapshot.leftovers() if not key.startswith(Key.RECORD)} == set()
