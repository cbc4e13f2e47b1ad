"""429: what a client is told of the limit that its task is over."""

from __future__ import annotations

import httpx
import pytest
import redis.asyncio

from queue_common.queue.admin.projects import ProjectLimits
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue

from .conftest import Api
from .test_two_ways import BY_ROUTE

PATH = "/api/v1/tasks"
TASK = {"url": "http://localhost:9/"}
WAYS = pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE], ids=["fast", "route"])


def _headers(project: str, way: bytes) -> dict[str, str]:
    name, _, value = way.decode().partition(": ")
    return {"X-Project": project, name: value}


@WAYS
@pytest.mark.parametrize(
    ("limits", "name", "policy"),
    [
        ({"rate": 0.25, "burst": 2}, "rate", '"rate";q=2;w=8'),
        ({"waiting": 2}, "waiting", '"waiting";q=2'),
        ({"lanes": 1}, "lanes", '"lanes";q=1'),
    ],
    ids=["rate", "waiting", "lanes"],
)
async def test_project_over_a_limit_is_told_which(
    client: httpx.AsyncClient, api: Api, redis_server: RedisServer, way: bytes,
    limits: dict[str, float], name: str, policy: str,
) -> None:  # fmt: skip
    """429 names the limit, says how long to wait, and other projects are served on."""
    project = f"{name}-{way[:4].hex()}"
    async with redis.asyncio.Redis(port=redis_server.port) as raw:
        queue = ScriptedQueue(raw, api.environment["QUEUE_NAME"])
        await queue.projects.put(project, weight=1, limits=ProjectLimits(**limits))  # type: ignore[arg-type]
    for i in range(3):
        task = {**TASK, "lane": f"lane-{i}"} if name == "lanes" else TASK
        response = await client.post(PATH, json=task, headers=_headers(project, way))
    other = await client.post(PATH, json=TASK, headers=_headers("other", way))

    problem = response.json()
    assert (response.status_code, other.status_code) == (429, 201)
    assert problem["type"] == "urn:queue-system:problem:limit-exceeded"
    assert problem["limit"] == name
    assert response.headers["ratelimit-policy"] == policy
    wait = response.headers["retry-after"]
    assert 1 <= int(wait) <= 8
    assert response.headers["ratelimit"] == f'"{name}";r=0;t={wait}'


@WAYS
@pytest.mark.parametrize("limit", ["waiting", "stored_bytes", "lanes"])
async def test_a_task_that_never_fits_is_not_to_be_sent_again(
    client: httpx.AsyncClient, way: bytes, limit: str
) -> None:
    """429 without Retry-After says that the limit has no room for the task at all."""
    project = f"never-{limit.replace('_', '-')}-{way[:4].hex()}"
    quota = 400 if limit == "stored_bytes" else 0
    await client.put(f"/api/v1/projects/{project}", json={"limits": {limit: quota}})
    task = {**TASK, "body": "x" * 600}
    response = await client.post(PATH, json=task, headers=_headers(project, way))

    assert response.status_code == 429
    assert response.json()["limit"] == limit
    assert "no room for it, even with no other task" in response.json()["detail"]
    assert "retry-after" not in response.headers
    assert response.headers["ratelimit-policy"] == f'"{limit}";q={quota}'


@WAYS
async def test_backlog_of_a_lane_is_bounded(api_at: Api, way: bytes) -> None:
    """Past MAX_LANE_BACKLOG tasks of the lane are refused with 429, in a batch too; others not."""
    api_at.environment["MAX_LANE_BACKLOG"] = "2"
    api_at.start()
    await api_at.until_alive()
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        headers = _headers("default", way)
        codes = [(await client.post(PATH, json=TASK, headers=headers)).status_code for _ in "123"]
        response = await client.post(PATH, json=TASK, headers=headers)
        batch = await client.post(f"{PATH}/batch", json=[TASK], headers=headers)
        other = await client.post(PATH, json={"url": "http://localhost:8/"}, headers=headers)

    assert (codes, other.status_code) == ([201, 201, 429], 201)
    assert response.json()["type"] == "urn:queue-system:problem:backlog-full"
    assert response.json()["limit"] == "lane_backlog"
    assert batch.json()[0]["problem"] == response.json()
    assert batch.json()[0]["retry_after"] == 5
    assert response.headers["retry-after"] == "5"
