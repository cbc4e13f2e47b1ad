"""Listing tasks, looking at one and its attempts, cancelling and running."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from queue_common.queue import TaskQueue
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Attempt, Outcome
from queue_testing import wait_until
from queue_testing.tasks import now_ms

from .conftest import Api

TASKS = "/api/v1/tasks"
DEAD = "/api/v1/dead-letters"
TASK = {
    "url": "http://localhost:9/x?token=s3cret",
    "headers": {"Authorization": "Bearer s3cret", "X-Event": "order.created"},
    "body": {"order": 7},
}
FAILED = Attempt(
    1, 1_700_000_000_000, 12.5, Outcome.HTTP_ERROR, 500, "answered 500",
    response_excerpt="oops", phases_us=(-1, 1200, -1, 11_000), address="127.0.0.1:9",
    worker="worker-1", response_headers={"Content-Type": "text/plain", "Set-Cookie": "s3cret"},
)  # fmt: skip


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a project of its own."""
    headers = {"X-Project": f"p{uuid.uuid4().hex[:12]}"}
    async with httpx.AsyncClient(base_url=api.url, headers=headers) as client:
        yield client


@asynccontextmanager
async def _worker(api: Api, redis: RedisSettings) -> AsyncIterator[TaskQueue]:
    queue = TaskQueue(redis=redis, queue=QueueSettings(queue_name=api.environment["QUEUE_NAME"]))
    await queue.start_consuming(worker_id="test", concurrency=100)
    try:
        yield queue
    finally:
        await queue.disconnect()


async def _create(client: httpx.AsyncClient, **task: object) -> str:
    response = await client.post(TASKS, json={**TASK, **task})
    assert response.status_code == 201, response.text
    task_id: str = response.json()["task_id"]
    return task_id


async def _settle(
    api: Api, redis: RedisSettings, task_id: str, decision: Decision, attempt: Attempt = FAILED
) -> None:
    """Let a task have an attempt that leads to this."""
    async with _worker(api, redis) as queue:
        while True:
            claims = await queue.claim(100)
            mine = [claim for claim in claims if claim.task_id == task_id]
            await queue.release([claim for claim in claims if claim.task_id != task_id])
            if mine:
                await queue.settle(mine[0], attempt, decision)
                return


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:  # noqa: ANN401
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_list_shows_the_projects_tasks_page_by_page(
    client: httpx.AsyncClient, api: Api
) -> None:
    """Pages by cursor show each task of the project once, and none of another project."""
    created = [await _create(client, url=f"http://h{i}.test/") for i in range(7)]
    async with httpx.AsyncClient(base_url=api.url) as other:
        await _create(other)
    found: list[str] = []
    cursor = None
    while True:
        page = await _get(client, TASKS, limit=3, **({"cursor": cursor} if cursor else {}))
        found += [task["id"] for task in page["tasks"]]
        assert page["scanned"] >= len(page["tasks"])
        cursor = page["cursor"]
        if cursor is None:
            break

    assert sorted(found) == sorted(created)


async def test_a_callback_tells_of_which_task_it_is(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """The task that a dead one's callback is names the dead one, which names none."""
    told = await _create(client, callback={"url": "http://told.test/"})
    await _settle(api, redis_settings, told, Dead("no"))

    async def callbacks() -> list[dict[str, Any]]:
        tasks = (await _get(client, TASKS, lane="told.test:80"))["tasks"]
        return [task for task in tasks if task["callback_of"] == told]

    async with _worker(api, redis_settings):
        await wait_until(callbacks, "the callback is in its lane")
    assert (await _get(client, f"{TASKS}/{told}"))["callback_of"] is None


async def test_filters_narrow_a_list(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """State, lane, URL, outcome and status code each leave out what they do not ask for."""
    one = await _create(client, url="http://a.test/orders/1")
    two = await _create(client, url="http://b.test/orders/2")
    await _settle(api, redis_settings, one, RetryAt(now_ms() + 3_600_000))

    async def ids(**params: str) -> list[str]:
        return [task["id"] for task in (await _get(client, TASKS, **params))["tasks"]]

    assert await ids(state="scheduled") == [one]
    assert await ids(state="queued") == [two]
    assert await ids(lane="b.test:80") == [two]
    assert await ids(url_prefix="http://a.test/orders") == [one]
    assert await ids(outcome="http_error") == [one]
    assert await ids(status_code="500") == [one]
    assert await ids(status_code="404") == []
    assert await ids(created_after="2026-01-01T00:00:00Z", lane="a.test:80") == [one]
    assert await ids(created_before="2020-01-01T00:00:00Z") == []


async def test_a_task_is_found_by_its_idempotency_key(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A key finds its task, also one that has died and so lost the key; other filters hold too."""
    await _create(client)
    live = await _create(client, idempotency_key="order-1")
    dead = await _create(client, idempotency_key="order-2")
    await _settle(api, redis_settings, dead, Dead("deadline"))

    async def ids(**params: str) -> list[str]:
        return [task["id"] for task in (await _get(client, TASKS, **params))["tasks"]]

    assert await ids(idempotency_key="order-1") == [live]
    assert await ids(idempotency_key="order-2") == [dead]
    assert await ids(idempotency_key="order-3") == []
    assert await ids(idempotency_key="order-1", state="dead") == []


async def test_labels_are_searched(client: httpx.AsyncClient) -> None:
    """A search by labels finds the tasks that have all of them."""
    both = await _create(client, labels={"customer": "acme", "kind": "order"})
    one = await _create(client, labels={"customer": "acme"})
    await _create(client, labels={"customer": "zeta"})

    async def ids(*labels: str) -> list[str]:
        page = await _get(client, TASKS, label=list(labels))
        return [task["id"] for task in page["tasks"]]

    assert await ids("customer:acme") == [both, one]
    assert await ids("customer:acme", "kind:order") == [both]
    assert await ids("customer:nobody") == []


async def test_options_are_told(client: httpx.AsyncClient) -> None:
    """What a task was sent with beside its request is shown, a callback without secrets."""
    task_id = await _create(
        client, labels={"a": "b"}, timeout="90s", success=["2xx", 404], idempotency_key="k-1",
        retry={"strategy": "exponential", "interval": "1s", "max_interval": "1m", "on": ["5xx"]},
        callback={"url": "http://a.test/done?token=s3cret", "on": ["dead"]},
    )  # fmt: skip
    found = await _get(client, f"{TASKS}/{task_id}")

    assert (found["labels"], found["timeout_seconds"]) == ({"a": "b"}, 90.0)
    assert (found["success"], found["idempotency_key"]) == (["2xx", 404], "k-1")
    assert found["callback"] == {"url": "http://a.test/done?…", "on": ["dead"]}
    assert found["retry"]["strategy"] == "exponential"
    assert (found["retry"]["interval_seconds"], found["retry"]["max_interval_seconds"]) == (1, 60)
    assert found["retry"]["on"] == ["5xx"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"state": "waiting"}, "state"), ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"), ({"limit": "000000001999999"}, "limit"),
        ({"cursor": "x"}, "cursor"), ({"colour": "red"}, "colour"),
        ({"label": "nocolon"}, "label"), ({"created_after": "yesterday"}, "created_after"),
        ({"created_after": "2026-01-01T00:00:00"}, "created_after"), ({"outcome": "x"}, "outcome"),
        ({"lane": ""}, "lane"), ({"lane": ["a:1", "b:1"]}, "lane"),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(
    params: dict[str, str], field: str, client: httpx.AsyncClient
) -> None:
    """A parameter that cannot be is a 422 that names it and says what it should be."""
    response = await client.get(TASKS, params=params)

    assert response.status_code == 422
    assert response.json()["type"] == "urn:queue-system:problem:invalid-request"
    (error,) = response.json()["errors"]
    assert error["field"] == field


async def test_a_task_shows_its_request_without_secrets(client: httpx.AsyncClient) -> None:
    """A task shows what it sends to who may manage it; headers with secrets have no value."""
    task_id = await _create(client)
    found = await _get(client, f"{TASKS}/{task_id}")

    assert found["state"] == "queued"
    assert found["url"] == "http://localhost:9/x?…"
    assert found["request"] == {
        "url": TASK["url"], "method": "POST",
        "headers": {
            "Authorization": "[redacted]", "X-Event": "order.created",
            "Content-Type": "application/json",
        },
        "body": '{"order":7}', "body_base64": None, "body_bytes": 11, "truncated": False,
    }  # fmt: skip
    assert found["replays"] == []
    assert found["size_bytes"] > 100


@pytest.mark.parametrize(
    ("sent", "text", "encoded", "size"),
    [
        ({"body": "é" * 200_000}, "é" * 131_072, None, 400_000),
        ({"body": "a" + "é" * 200_000}, "a" + "é" * 131_071, None, 400_001),
        ({"body_base64": "AAEC/w=="}, None, "AAEC/w==", 4),
        ({"body": ""}, "", None, 0),
    ],
)
async def test_a_body_is_shown_as_text_or_in_base64(
    sent: dict[str, str], text: str | None, encoded: str | None, size: int,
    client: httpx.AsyncClient,
) -> None:  # fmt: skip
    """Text is shown as text, up to 256 KiB; bytes in base64."""
    response = await client.post(TASKS, json={"url": "http://a.test/", **sent})
    shown = (await _get(client, f"{TASKS}/{response.json()['task_id']}"))["request"]

    assert (shown["body"], shown["body_base64"], shown["body_bytes"]) == (text, encoded, size)
    assert shown["truncated"] is (size > 256 << 10)


async def test_attempts_are_told_in_detail(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """An attempt shows phases, address, worker, trace, and its response without secrets."""
    task_id = await _create(client)
    due_ms = now_ms() + 3_600_000
    await _settle(api, redis_settings, task_id, RetryAt(due_ms))
    status = await _get(client, f"{TASKS}/{task_id}")
    (attempt,) = (await _get(client, f"{TASKS}/{task_id}/attempts"))["attempts"]

    assert attempt.pop("next_attempt_at")[:10] == status["next_attempt_at"][:10]
    assert attempt.pop("trace_id") == status["trace_id"]
    assert attempt == {
        "number": 1, "started_at": "2023-11-14T22:13:20.000Z", "duration_ms": 12.5,
        "outcome": "http_error", "status_code": 500, "error": "answered 500",
        "phases": {"dns_ms": None, "connect_ms": 1.2, "tls_ms": None, "first_byte_ms": 11.0},
        "address": "127.0.0.1:9", "response_excerpt": "oops", "worker": "worker-1",
        "response_headers": {"Content-Type": "text/plain", "Set-Cookie": "[redacted]"},
    }  # fmt: skip


async def test_a_task_without_attempts_has_none(client: httpx.AsyncClient) -> None:
    """Before its first attempt a task's list of attempts is empty."""
    task_id = await _create(client)

    assert await _get(client, f"{TASKS}/{task_id}/attempts") == {"attempts": []}


async def test_a_waiting_task_is_cancelled_and_again(client: httpx.AsyncClient) -> None:
    """Cancelling a queued task answers with its new state, and so does a repetition."""
    task_id = await _create(client)
    first = await client.delete(f"{TASKS}/{task_id}")
    second = await client.delete(f"{TASKS}/{task_id}")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["state"] == second.json()["state"] == "cancelled"
    assert first.json()["request"] is None


async def test_an_active_task_is_cancelled_after_its_attempt(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """An active task that is cancelled is not run (409); its failed attempt is its last."""
    task_id = await _create(client)
    async with _worker(api, redis_settings) as queue:
        claims = await queue.claim(100)
        (claim,) = [claim for claim in claims if claim.task_id == task_id]
        asked = (await client.delete(f"{TASKS}/{task_id}")).json()
        run = await client.post(f"{TASKS}/{task_id}/run")
        await queue.settle(claim, FAILED, RetryAt(now_ms()))
        await queue.release([claim for claim in claims if claim.task_id != task_id])
    found = await _get(client, f"{TASKS}/{task_id}")

    assert (asked["state"], asked["cancel_requested"]) == ("active", True)
    assert run.status_code == 409
    assert "was cancelled" in run.json()["detail"]
    assert found["state"] == "cancelled"


@pytest.mark.parametrize("decision", [Done(), Dead("enough")])
async def test_a_settled_task_is_not_cancelled(
    decision: Decision, client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A delivered or dead task stays what it is: 409."""
    task_id = await _create(client)
    await _settle(api, redis_settings, task_id, decision)
    response = await client.delete(f"{TASKS}/{task_id}")

    assert response.status_code == 409
    assert response.json()["type"] == "urn:queue-system:problem:wrong-state"


@pytest.mark.parametrize("decision", [RetryAt(now_ms() + 3_600_000), Dead("enough")])
async def test_a_scheduled_or_dead_task_is_run_now_and_again(
    decision: Decision, client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Running a scheduled or dead task queues it; a repetition finds it so and says the same."""
    task_id = await _create(client)
    await _settle(api, redis_settings, task_id, decision)
    first = await client.post(f"{TASKS}/{task_id}/run")
    second = await client.post(f"{TASKS}/{task_id}/run")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["state"] == second.json()["state"] == "queued"


async def test_a_task_that_was_run_and_delivered_is_run_again(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A call whose answer was lost says success again, also after the delivery."""
    task_id = await _create(client, delay="1h")
    first = await client.post(f"{TASKS}/{task_id}/run")
    await _settle(api, redis_settings, task_id, Done())
    again = await client.post(f"{TASKS}/{task_id}/run")

    assert (first.status_code, first.json()["state"]) == (200, "queued")
    assert (again.status_code, again.json()["state"]) == (200, "delivered")


async def test_the_deadline_of_a_task_that_is_run_early_counts_from_then(
    client: httpx.AsyncClient,
) -> None:
    """A delay of ten days that is cut short is no part of the deadline."""
    task_id = await _create(client, delay="10d", retry={"deadline": "1h"})
    await client.post(f"{TASKS}/{task_id}/run")
    task = await _get(client, f"{TASKS}/{task_id}")
    deadline = datetime.fromisoformat(task["deadline_at"])

    assert timedelta(0) < deadline - datetime.now(UTC) <= timedelta(hours=1)


async def test_a_cancelled_task_is_not_run(client: httpx.AsyncClient) -> None:
    """What is cancelled cannot be run: 409."""
    task_id = await _create(client)
    await client.delete(f"{TASKS}/{task_id}")

    assert (await client.post(f"{TASKS}/{task_id}/run")).status_code == 409


async def test_a_dead_letter_is_deleted_and_again(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Deleting a dead letter removes its task; a repetition says the same; others are refused."""
    dead, waiting = await _create(client), await _create(client)
    await _settle(api, redis_settings, dead, Dead("enough"))
    codes = [(await client.delete(f"{DEAD}/{dead}")).status_code for _ in range(2)]

    assert codes == [204, 204]
    assert (await client.get(f"{TASKS}/{dead}")).status_code == 404
    assert (await client.delete(f"{DEAD}/{waiting}")).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/attempts"), ("DELETE", ""), ("POST", "/run")],
)
async def test_another_projects_task_does_not_exist(
    method: str, path: str, client: httpx.AsyncClient, api: Api
) -> None:
    """A task of another project is as unknown as one that never was."""
    task_id = await _create(client)
    async with httpx.AsyncClient(base_url=api.url, headers={"X-Project": "stranger"}) as other:
        foreign = await other.request(method, f"{TASKS}/{task_id}{path}")
        missing = await other.request(method, f"{TASKS}/{uuid.uuid4()}{path}")

    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["type"] == missing.json()["type"]
