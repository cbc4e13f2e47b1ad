"""Listeners: a client takes a lane's deliveries in the workers' place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import redis.asyncio

from queue_common.queue.storage.scripts import lua_files
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import Receiver
from queue_testing.system import System

LISTENERS = "/api/v1/listeners"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def listened_system(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A running API and worker that the tests of this file share."""
    system = System(tmp_path_factory.mktemp("listened"), redis_server.address)
    await system.start()
    yield system
    system.stop()


@pytest.fixture
async def http(listened_system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=listened_system.url, timeout=40) as http:
        yield http


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


class Listener:
    """A listener of one lane."""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self._http = http
        self.path = path

    async def next(self, wait: str = "15s") -> httpx.Response:
        return await self._http.get(f"{self.path}/next", params={"wait": wait})

    async def delivery(self) -> dict[str, Any]:
        response = await self.next()
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def respond(self, delivery: dict[str, Any], **result: object) -> httpx.Response:
        body = {"token": delivery["token"], **result}
        return await self._http.post(f"{self.path}/results", json=body)


async def listen(http: httpx.AsyncClient, lane: str, **headers: str) -> Listener:
    response = await http.post(LISTENERS, json={"lane": lane}, headers=headers)
    assert response.status_code == 201, response.text
    return Listener(http, f"{LISTENERS}/{response.json()['id']}")


async def send(http: httpx.AsyncClient, url: str, **fields: object) -> str:
    response = await http.post("/api/v1/tasks", json={"url": url, **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["task_id"])


async def state(http: httpx.AsyncClient, task_id: str) -> str:
    return str((await http.get(f"/api/v1/tasks/{task_id}")).json()["state"])


async def test_a_listener_gets_the_delivery_and_its_response_counts(
    http: httpx.AsyncClient, receiver: Receiver
) -> None:
    """The lane's deliveries go to the listener alone; its 200 delivers the task."""
    listener = await listen(http, receiver.address)
    task_id = await send(http, receiver.url + "/a?x=1", body={"n": 1}, headers={"X-Own": "1"})

    delivery = await listener.delivery()
    assert await state(http, task_id) == "active"
    result = await listener.respond(delivery, status_code=204, duration_ms=3.5)

    assert (delivery["task_id"], delivery["attempt"]) == (task_id, 1)
    assert (delivery["url"], delivery["body_base64"]) == (receiver.url + "/a?x=1", "eyJuIjoxfQ==")
    assert delivery["headers"].items() >= {"X-Own": "1", "X-Task-Id": task_id}.items()
    assert result.json() == {"state": "delivered", "next_attempt_at": None}
    task = (await http.get(f"/api/v1/tasks/{task_id}")).json()
    assert (task["state"], task["last_attempt"]["status_code"]) == ("delivered", 204)
    assert receiver.requests == []


async def test_a_failed_response_is_tried_again(
    http: httpx.AsyncClient, receiver: Receiver
) -> None:
    """A 500 of the listener schedules the task again; its next attempt comes to the listener."""
    listener = await listen(http, receiver.address)
    task_id = await send(http, receiver.url, retry={"interval": "1s"})

    first = await listener.respond(await listener.delivery(), status_code=500)
    second = await listener.delivery()

    assert first.json()["state"] == "scheduled"
    assert first.json()["next_attempt_at"]
    assert (second["task_id"], second["attempt"]) == (task_id, 2)
    lost = await listener.respond(second, error="nobody listens on port 3000")
    assert lost.json()["state"] == "scheduled"
    attempts = (await http.get(f"/api/v1/tasks/{task_id}/attempts")).json()["attempts"]
    assert [a["outcome"] for a in attempts] == ["http_error", "connect_error"]


async def test_a_deleted_listener_gives_the_lane_back(
    http: httpx.AsyncClient, receiver: Receiver
) -> None:
    """What waits, and what the listener had not answered, goes to the workers, uncounted."""
    listener = await listen(http, receiver.address)
    await send(http, receiver.url + "/held")
    await send(http, receiver.url + "/waiting")
    await listener.delivery()

    assert (await http.delete(listener.path)).status_code == 204

    await wait_until(lambda: len(receiver.requests) == 2, "both arrive", 20)
    assert {r.headers["X-Task-Attempt"] for r in receiver.requests} == {"1"}
    assert (await listener.next("0s")).status_code == 404


async def test_a_listener_that_is_gone_loses_nothing(
    http: httpx.AsyncClient, receiver: Receiver, listened_system: System,
    raw_redis: redis.asyncio.Redis,
) -> None:  # fmt: skip
    """Once a killed listener's lease has ended, workers make its attempts and serve its lane."""
    listener = await listen(http, receiver.address)
    await send(http, receiver.url + "/held")
    await send(http, receiver.url + "/waiting")
    await listener.delivery()

    lease = "listener:" + listener.path.rpartition("/")[2]
    queue = listened_system.variables["QUEUE_NAME"]
    await raw_redis.zadd(f"{{{queue}}}:workers", {lease: 1}, xx=True)

    await wait_until(lambda: len(receiver.requests) == 2, "both arrive", 30)


async def test_no_result_in_time_is_a_timeout(http: httpx.AsyncClient, receiver: Receiver) -> None:
    """A delivery without a result counts as timed out and is tried again; its result comes late."""
    listener = await listen(http, receiver.address)
    task_id = await send(http, receiver.url, timeout="1s", retry={"interval": "1s"})
    late = await listener.delivery()

    async def again() -> dict[str, Any] | None:
        response = await listener.next("1s")
        return response.json() if response.status_code == 200 else None

    second = await wait_until(again, "it is delivered again", 30)

    assert second is not None
    assert (second["task_id"], second["attempt"]) == (task_id, 2)
    assert (await listener.respond(late, status_code=200)).status_code == 409
    attempts = (await http.get(f"/api/v1/tasks/{task_id}/attempts")).json()["attempts"]
    assert [a["outcome"] for a in attempts] == ["timeout"]


async def test_a_result_counts_once(http: httpx.AsyncClient, receiver: Receiver) -> None:
    """A second result for a delivery is refused (409)."""
    listener = await listen(http, receiver.address)
    await send(http, receiver.url)
    delivery = await listener.delivery()

    assert (await listener.respond(delivery, status_code=200)).status_code == 200
    assert (await listener.respond(delivery, status_code=200)).status_code == 409


async def test_a_new_listener_replaces_the_one_before(
    http: httpx.AsyncClient, receiver: Receiver
) -> None:
    """The lane is the new listener's; what the old one held comes to it."""
    old = await listen(http, receiver.address)
    task_id = await send(http, receiver.url)
    await old.delivery()

    new = await listen(http, receiver.address)

    assert (await old.next("0s")).status_code == 404
    assert (await new.delivery())["task_id"] == task_id
    assert receiver.requests == []


async def test_a_listener_is_its_projects(http: httpx.AsyncClient, receiver: Receiver) -> None:
    """Another project neither sees the listener nor has its tasks go there."""
    listener = await listen(http, receiver.address)

    other = await http.get(f"{listener.path}/next", headers={"X-Project": "other"})
    response = await http.post(
        "/api/v1/tasks", json={"url": receiver.url}, headers={"X-Project": "other"}
    )

    assert (other.status_code, response.status_code) == (404, 201)
    await wait_until(lambda: receiver.requests, "a worker delivers the other's", 20)
    assert (await listener.next("0s")).status_code == 204


@pytest.mark.parametrize(
    "body",
    [{}, {"lane": "a", "host": "b"}, {"lane": "a\nb"}, {"host": "a b"}, {"other": 1}],
    ids=str,
)
async def test_a_listener_names_one_lane(http: httpx.AsyncClient, body: dict[str, str]) -> None:
    """A listener without a lane, or with what is none, is refused (422)."""
    assert (await http.post(LISTENERS, json=body)).status_code == 422


def test_a_workers_scripts_know_no_listener() -> None:
    """Enqueue, claim and settle have no part about listeners: unused they cost nothing."""
    texts = lua_files()
    assert [n for n in ("enqueue", "claim", "settle") if "listened" in texts[n]] == []
