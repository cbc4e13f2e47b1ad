"""Lanes over HTTP: listed, limited, paused, purged; and the workers."""

from __future__ import annotations

import uuid
from urllib.parse import quote

import httpx
import pytest
import redis.asyncio

from queue_common.lanes import lane_in
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task

from .conftest import Api

PATH = "/api/v1/lanes"


@pytest.fixture
def name() -> str:
    """A project of the test's own."""
    return f"p-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def headers(name: str) -> dict[str, str]:
    """Name the test's project."""
    return {"X-Project": name}


async def _send(client: httpx.AsyncClient, headers: dict[str, str], port: int = 9) -> None:
    task = {"url": f"http://localhost:{port}/"}
    assert (await client.post("/api/v1/tasks", json=task, headers=headers)).status_code == 201


async def test_lane_has_what_was_put(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """PUT sets a lane's limits, null removes them, and what is not said of a pause stays."""
    await _send(client, headers)
    url = f"{PATH}/localhost:9"
    body = {"concurrency": 4, "rate": 2.5, "paused": True}
    first = (await client.put(url, json=body, headers=headers)).json()
    second = (await client.put(url, json={"rate": None}, headers=headers)).json()
    got = (await client.get(url, headers=headers)).json()

    assert first["limits"] == {"concurrency": 4, "rate": 2.5, "burst": 2}
    assert (first["lane"], first["paused"], first["waiting"]) == ("localhost:9", True, 1)
    assert first["health"] == {"state": "trial", "next_probe_at": None}
    assert first["oldest_age_seconds"] >= 0
    assert second["limits"] == {"concurrency": None, "rate": None, "burst": None}
    assert got["paused"]
    assert got["recent"] == {
        "delivered": 0, "failed": 0, "last_outcome": None, "last_status_code": None,
    }  # fmt: skip


async def test_lane_is_paused_and_resumed(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Pause and resume are repeatable, and answer with the lane."""
    await _send(client, headers)
    told = []
    for action in ("pause", "pause", "resume", "resume"):
        response = await client.post(f"{PATH}/localhost:9/{action}", headers=headers)
        told.append((response.status_code, response.json()["paused"]))

    assert told == [(200, True), (200, True), (200, False), (200, False)]


async def test_lane_is_purged(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """A purge tells how many tasks it removed, and leaves other lanes and projects alone."""
    for _ in range(3):
        await _send(client, headers)
    await _send(client, headers, port=8)
    await _send(client, {"X-Project": "default"})
    purged = await client.post(f"{PATH}/localhost:9/purge", headers=headers)
    again = await client.post(f"{PATH}/localhost:9/purge", headers=headers)
    other = await client.get(f"{PATH}/localhost:8", headers=headers)
    default = await client.get(f"{PATH}/localhost:9")

    assert purged.json() == {"purged": 3, "more": False}
    assert again.json() == {"purged": 0, "more": False}
    assert other.json()["waiting"] == 1
    assert default.json()["waiting"] >= 1


async def test_lane_with_a_slash_is_one(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """A lane's name is percent-encoded; a slash in it is a part of it."""
    lane = "billing/é 1"
    put = await client.put(f"{PATH}/{quote(lane, safe='')}", json={"rate": 1}, headers=headers)
    paused = await client.post(f"{PATH}/{quote(lane, safe='')}/pause", headers=headers)

    assert (put.json()["lane"], paused.json()["lane"]) == (lane, lane)
    assert paused.json()["paused"]


async def test_each_lane_that_a_task_names_can_be_paused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Characters that are not printed, such as a no-break space, are allowed in both places."""
    lane = "billing\u00a0\U000e3bf9"
    task = {"url": "http://localhost:9/", "lane": lane}
    sent = await client.post("/api/v1/tasks", json=task, headers=headers)
    paused = await client.post(f"{PATH}/{quote(lane, safe='')}/pause", headers=headers)

    assert (sent.status_code, paused.status_code) == (201, 200)
    assert (paused.json()["lane"], paused.json()["waiting"]) == (lane, 1)


async def test_lanes_are_listed(
    client: httpx.AsyncClient, api: Api, redis_server: RedisServer, headers: dict[str, str],
    name: str,
) -> None:  # fmt: skip
    """Paused lanes come before the others; prefix, sort, limit and cursor choose."""
    async with redis.asyncio.Redis(port=redis_server.port) as raw:
        queue = ScriptedQueue(raw, api.environment["QUEUE_NAME"])
        lanes = [f"lane-{number}" for number in range(6)]
        await queue.submit_all([(uuid.uuid4().hex, a_task(lane=lane_in(name, v))) for v in lanes])
    await client.post(f"{PATH}/lane-4/pause", headers=headers)

    async def names(**params: str) -> list[str]:
        found, cursor = [], None
        while True:
            at = {**params, "cursor": cursor} if cursor else params
            page = (await client.get(PATH, params=at, headers=headers)).json()
            found += [lane["lane"] for lane in page["lanes"]]
            if (cursor := page["cursor"]) is None:
                return found

    assert await names() == ["lane-4", "lane-0", "lane-1", "lane-2", "lane-3", "lane-5"]
    assert await names(sort="name", limit="4") == lanes
    assert await names(prefix="lane-1") == ["lane-1"]


@pytest.mark.parametrize(
    "params", [{"sort": "size"}, {"cursor": "x"}, {"limit": "0"}, {"color": "red"}]
)
async def test_wrong_parameter_is_named(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    """422 names the parameter that is wrong."""
    response = await client.get(PATH, params=params)

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] in params


async def test_limit_of_a_lane_that_is_wrong_is_named(client: httpx.AsyncClient) -> None:
    """422 names the field, and a lane with a control character is none."""
    wrong = await client.put(f"{PATH}/a", json={"rate": -1})
    burst = await client.put(f"{PATH}/a", json={"burst": 5})
    control = await client.put(f"{PATH}/a%00b", json={})

    assert (wrong.status_code, burst.status_code, control.status_code) == (422, 422, 422)
    assert burst.json()["errors"][0]["field"] == "burst"
    assert wrong.json()["errors"][0]["field"] == "rate"
    assert control.json()["errors"][0]["field"] == "lane"


async def test_workers_are_listed(
    client: httpx.AsyncClient, api: Api, redis_server: RedisServer
) -> None:
    """A worker with a lease is told with its concurrency and the tasks that it holds."""
    async with redis.asyncio.Redis(port=redis_server.port) as raw:
        queue = ScriptedQueue(raw, api.environment["QUEUE_NAME"])
        await queue.register("worker-1/lease", 7)
        await queue.submit(uuid.uuid4().hex, a_task(lane="a"))
        claims = await queue.claim("worker-1/lease", 1)
        response = await client.get("/api/v1/workers")
        await queue.end_lease("worker-1/lease")
        await queue.reap()

    (worker,) = response.json()["workers"]
    assert (worker["id"], worker["concurrency"], worker["active"]) == ("worker-1", 7, len(claims))
    assert worker["lease_expires_at"].endswith("Z")


@pytest.mark.parametrize("lane", ["a\u00a0b", "a\u2028b", "a\u200bb", "\ue000"])
async def test_each_lane_of_a_task_can_be_managed(
    client: httpx.AsyncClient, headers: dict[str, str], lane: str
) -> None:
    """A lane that a task may name can be shown, listed by its prefix, and purged."""
    task = {"url": "http://localhost:9/", "lane": lane, "delay": "1h"}
    assert (await client.post("/api/v1/tasks", json=task, headers=headers)).status_code == 201
    path = f"{PATH}/{quote(lane)}"
    shown = (await client.get(path, headers=headers)).json()
    listed = (await client.get(PATH, params={"prefix": lane}, headers=headers)).json()["lanes"]
    purged = (await client.post(f"{path}/purge", headers=headers)).json()

    assert (shown["lane"], [found["lane"] for found in listed]) == (lane, [lane])
    assert purged["purged"] == 1


async def test_lanes_are_of_one_project(client: httpx.AsyncClient) -> None:
    """`X-Project: *` names no project whose lanes could be listed or shown: 422."""
    headers = {"X-Project": "*"}
    responses = [await client.get(path, headers=headers) for path in (PATH, f"{PATH}/a")]

    assert [response.status_code for response in responses] == [422, 422]
    assert responses[0].json()["errors"][0]["field"] == "X-Project"


async def test_a_lane_that_can_be_set_can_have_tasks(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Settings, tasks and listeners take lanes of the same length, 300 characters."""
    told = []
    for lane in ("x" * 300, "x" * 301):
        body = {"url": "http://localhost:9/", "lane": lane}
        responses = [
            await client.put(f"{PATH}/{lane}", json={"rate": 1}, headers=headers),
            await client.post("/api/v1/tasks", json=body, headers=headers),
            await client.post("/api/v1/listeners", json={"lane": lane}, headers=headers),
        ]
        told.append([response.status_code for response in responses])

    assert told == [[200, 201, 201], [422, 422, 422]]
