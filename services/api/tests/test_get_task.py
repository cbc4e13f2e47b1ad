from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import redis.asyncio

from queue_api.app import create_app
from queue_api.app_context import AppContext
from queue_api.settings import ApiSettings
from queue_api.tasks.routes import CreateTask
from queue_common.queue import TaskQueue
from queue_common.retry import Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Attempt, Outcome, TaskId, TaskView
from queue_common.tracing.tracer import Tracing

from .conftest import Api

TASKS = "/api/v1/tasks"
TASK = {
    "url": "http://localhost:9/x?token=s3cret",
    "headers": {"Authorization": "s3cret"},
    "body": "s3cret",
}


@asynccontextmanager
async def worker_of(api: Api, redis: RedisSettings) -> AsyncIterator[TaskQueue]:
    """Serve the API's queue as a worker does."""
    queue = TaskQueue(redis, QueueSettings(queue_name=api.environment["QUEUE_NAME"]))
    await queue.start_consuming(worker_id="test", concurrency=1)
    try:
        yield queue
    finally:
        await queue.disconnect()


async def test_a_task_with_a_failed_attempt_tells_of_it(
    api_at: Api, redis_settings: RedisSettings
) -> None:
    """After a failure a look-up shows the attempt, when the next is due, and the deadline."""
    api_at.environment["WORKER_RETRY_DEADLINE"] = "1h30m"
    api_at.start()
    await api_at.until_alive()
    failed = Attempt(1, 1_700_000_000_000, 12.5, Outcome.HTTP_ERROR, 500, "answered 500")
    async with (
        httpx.AsyncClient(base_url=api_at.url) as client,
        worker_of(api_at, redis_settings) as queue,
    ):
        where = (await client.post(TASKS, json=TASK)).headers["location"]
        (claim,) = await queue.claim(1)
        active = (await client.get(where)).json()
        await queue.settle(claim, failed, RetryAt(1_900_000_000_000))
        found = (await client.get(where)).json()

    assert active["state"] == "active"
    assert (found["state"], found["attempts"], found["interrupted"]) == ("scheduled", 1, 0)
    # The wait is kept by Redis' own clock: the due time may be off by what a call takes.
    due = datetime.fromisoformat(found["next_attempt_at"])
    assert abs(due - datetime.fromtimestamp(1_900_000_000, UTC)) < timedelta(seconds=5)
    assert found["last_attempt"] == {
        "number": 1, "started_at": "2023-11-14T22:13:20.000Z", "duration_ms": 12.5,
        "outcome": "http_error", "status_code": 500, "error": "answered 500",
    }  # fmt: skip
    accepted, deadline = (
        datetime.fromisoformat(found[name]) for name in ("created_at", "deadline_at")
    )
    assert deadline - accepted == timedelta(minutes=90)
    assert found["finished_at"] is None


async def test_a_delivered_task_tells_when(api_at: Api, redis_settings: RedisSettings) -> None:
    """A delivered task shows its end and waits for nothing; at no time does it show a secret."""
    api_at.start()
    await api_at.until_alive()
    delivered = Attempt(1, 1_700_000_000_000, 3.0, Outcome.DELIVERED, 204)
    async with (
        httpx.AsyncClient(base_url=api_at.url) as client,
        worker_of(api_at, redis_settings) as queue,
    ):
        where = (await client.post(TASKS, json=TASK)).headers["location"]
        before = await client.get(where)
        (claim,) = await queue.claim(1)
        await queue.settle(claim, delivered, Done())
        after = await client.get(where)

    assert before.json()["state"] == "queued"
    assert before.json()["url"] == "http://localhost:9/x?…"
    found = after.json()
    assert (found["state"], found["next_attempt_at"]) == ("delivered", None)
    assert found["last_attempt"]["status_code"] == 204
    assert found["finished_at"] >= found["created_at"]
    shown = [
        {name: value for name, value in response.json().items() if name != "request"}
        for response in (before, after)
    ]
    assert "s3cret" not in str(shown) + api_at.log()


async def test_a_record_that_cannot_be_read_is_no_task(
    api: Api, client: httpx.AsyncClient, raw_redis: redis.asyncio.Redis
) -> None:
    """A foreign record under a task's id is a 404 with the reason."""
    task_id = "01a20d94-4598-77ff-aa01-ede0158d74bc"
    await raw_redis.set(f"{{{api.environment['QUEUE_NAME']}}}:t:{task_id}", b"damaged", ex=60)
    response = await client.get(f"{TASKS}/{task_id}")

    assert response.status_code == 404
    assert response.json()["type"] == "urn:queue-system:problem:unreadable-record"


class BrokenQueue(TaskQueue):
    """Has a bug."""

    async def get_task(self, task_id: TaskId) -> TaskView:
        raise ZeroDivisionError(task_id)


async def test_a_bug_is_a_problem_document_that_tells_nothing(
    redis_settings: RedisSettings,
) -> None:
    """A fault of ours is a 500 as a problem document, without anything from the inside."""
    context = AppContext.of(
        ApiSettings(),
        BrokenQueue(redis_settings, QueueSettings()),
        Tracing(ApiSettings(), "queue-api", "tasks"),
    )
    app = create_app(context, CreateTask(context))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    task_id = "01a20d94-4598-77ff-aa01-ede0158d74bc"
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        response = await client.get(f"{TASKS}/{task_id}")

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Internal error; the API's log has the details."
    assert task_id not in response.text


async def test_a_task_at_a_time_is_not_due_before(client: httpx.AsyncClient) -> None:
    """The first attempt of a task with schedule_at is not due a millisecond too early."""
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    tasks = []
    for _ in range(40):
        created = await client.post(TASKS, json={**TASK, "schedule_at": at.isoformat()})
        tasks.append((await client.get(created.headers["location"])).json())

    early = [task for task in tasks if datetime.fromisoformat(task["next_attempt_at"]) < at]
    assert early == []
