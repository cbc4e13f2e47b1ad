"""What SAQ's own tests import as ``tests.helpers``: queues of ours in place of RedisQueues."""

from __future__ import annotations

import os
from typing import Any

import redis.asyncio
import saq

from queue_common.queue import TaskQueue
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings, RedisSettings

ADDRESS = os.environ["REDIS_ADDR"]


class _Queue(SaqQueue):
    """A queue with a look at what SAQ's tests read of its own server."""

    def __init__(self, name: str) -> None:
        settings = RedisSettings(redis_addr=ADDRESS, redis_url=None)
        super().__init__(TaskQueue(settings, QueueSettings(queue_name=name)))
        self.redis = redis.asyncio.Redis.from_url(f"redis://{ADDRESS}")


async def create_redis_queue(url: str = "", *, name: str = "default", **_: object) -> saq.Queue:
    """Return a queue; a URL is a test of SAQ's own ``from_url``."""
    return saq.Queue.from_url(url) if url else _Queue(name)


async def cleanup_queue(queue: saq.Queue) -> None:
    """Close the queue and empty the server, which is the tests' own."""
    await queue.disconnect()
    if isinstance(queue, _Queue):
        await queue.redis.flushdb()
        await queue.redis.aclose()


def _without_postgres(*_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
    raise NotImplementedError


create_postgres_queue = setup_postgres = teardown_postgres = _without_postgres
