"""Fixtures of the queue's tests: a queue step by step, and a look behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from hypothesis import HealthCheck, settings

from queue_common.queue import TaskQueue
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings
from queue_testing.inspector import QueueInspector
from queue_testing.scripted import ScriptedQueue

settings.register_profile(
    "quick",
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long", settings.get_profile("quick"), max_examples=2000, derandomize=False
)
settings.load_profile("quick")


@pytest.fixture
def scripted(raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings) -> ScriptedQueue:
    """The test's queue without background tasks."""
    return ScriptedQueue(raw_redis, queue_settings.queue_name)


@pytest.fixture
def inspector(raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings) -> QueueInspector:
    """A look behind the test's queue."""
    return QueueInspector(raw_redis, queue_settings.queue_name)


@pytest.fixture
async def saq_queue(queue: TaskQueue) -> AsyncIterator[SaqQueue]:
    """The test's queue as SAQ sees it."""
    saq_queue = SaqQueue(queue)
    yield saq_queue
    await saq_queue.disconnect()
