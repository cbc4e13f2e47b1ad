"""What is told to who looks on while the queue works."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import msgspec
import pytest
import redis.asyncio

from queue_common.errors import QueueUnavailableError
from queue_common.options import TaskOptions
from queue_common.queue import Claim, QueueHooks, TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import new_task_id
from queue_testing import free_port, wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task


class Seen(QueueHooks):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.trips: Counter[str] = Counter()
        self.seconds = 0.0
        self.tasks: Counter[str] = Counter()

    def round_trip(self, operation: str, seconds: float) -> None:
        self.trips[operation] += 1
        self.seconds += seconds

    def submitted(self, tasks: int, error: str) -> None:
        self.tasks[f"submitted {error}".strip()] += tasks

    def claimed(self, tasks: int) -> None:
        self.tasks["claimed"] += tasks

    def released(self, tasks: int, reason: str) -> None:
        self.tasks[f"given back: {reason}"] += tasks


async def test_submissions_claims_and_stops_are_told(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> None:
    """Hooks are called for stored, claimed and released tasks, and for each round trip."""
    seen = Seen()
    queue = TaskQueue(redis_settings, queue_settings, seen)
    begin = time.perf_counter()
    for _ in range(3):
        await queue.submit(task_id := new_task_id(), a_task())
    await queue.get_task(task_id)
    await queue.start_consuming(worker_id="w", concurrency=10)
    claims: list[Claim] = []
    while len(claims) < 3:
        claims += await queue.claim(10)
    await queue.release(claims)
    await queue.disconnect()

    assert seen.tasks == {"submitted": 3, "claimed": 3, "given back: stop": 3}
    assert (seen.trips["enqueue"], seen.trips["look_up"]) == (3, 1)
    assert {"register", "renew", "claim", "settle", "end_lease"} <= set(seen.trips)
    assert 0 < seen.seconds < 4 * (time.perf_counter() - begin)


async def test_only_new_tasks_are_told_as_submitted(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> None:
    """A repeated task is not told, and a conflict, or a task over a limit, with its error."""
    seen = Seen()
    queue = TaskQueue(
        redis_settings, queue_settings.model_copy(update={"max_lane_backlog": 3}), seen
    )
    options = TaskOptions(idempotency_key="k")
    task_id, named = new_task_id(), msgspec.structs.replace(a_task(), options=options)
    await queue.submit(task_id, a_task())
    await queue.submit(new_task_id(), named)
    results = await asyncio.gather(
        queue.submit(task_id, a_task()),
        queue.submit(new_task_id(), named),
        queue.submit(task_id, a_task(method="PUT")),
        queue.submit(new_task_id(), msgspec.structs.replace(named, method="PUT")),
        queue.submit(new_task_id(), a_task()),
        queue.submit(new_task_id(), a_task()),
        return_exceptions=True,
    )
    await queue.disconnect()

    assert [type(result).__name__ for result in results if isinstance(result, Exception)] == [
        "ConflictError", "IdempotencyConflictError", "LimitError",
    ]  # fmt: skip
    assert seen.tasks == {
        "submitted": 3, "submitted ConflictError": 1, "submitted IdempotencyConflictError": 1,
        "submitted LimitError": 1,
    }  # fmt: skip


async def test_what_a_dead_worker_held_is_told_by_who_finds_it(
    redis_settings: RedisSettings,
    queue_settings: QueueSettings,
    scripted: ScriptedQueue,
    raw_redis: redis.asyncio.Redis,
) -> None:
    """Who finds another's lease ended tells of its tasks; the queue counts the lease."""
    await scripted.register("dead")
    await scripted.submit_all([(str(i), a_task()) for i in range(2)])
    await scripted.claim("dead", 2)
    await scripted.expire("dead")
    seen = Seen()
    queue = TaskQueue(redis_settings, queue_settings, seen)
    await queue.start_consuming(worker_id="w", concurrency=10)
    await wait_until(lambda: seen.tasks["given back: lease_ended"] == 2, "tasks are given back")
    await queue.disconnect()

    assert (await scripted.snapshot()).counters["leases_lost_total"] == 1


async def test_a_refused_submission_is_told_with_its_error(queue_settings: QueueSettings) -> None:
    """A task that Redis did not take counts under the error's name; its round trip counts too."""
    seen = Seen()
    settings = RedisSettings(redis_addr=f"127.0.0.1:{free_port()}", redis_url=None)
    queue = TaskQueue(settings, queue_settings, seen)
    with pytest.raises(QueueUnavailableError):
        await queue.submit(new_task_id(), a_task())
    await queue.disconnect()

    assert seen.tasks == {"submitted QueueUnavailableError": 1}
    assert seen.trips == {"enqueue": 1}
