"""The routes of the stats and of groups of dead letters."""

from __future__ import annotations

import uuid

import httpx
import pytest

from queue_common.retry import Dead, Done
from queue_common.settings import RedisSettings
from queue_testing import RedisServer, wait_until

from .conftest import Api
from .test_manage_tasks import TASKS, _create, _get, _settle, client

__all__ = ["client"]

STATS = "/api/v1/stats"
GROUPS = "/api/v1/dead-letters/groups"
COUNT = {"action": "replay", "filter": {"state": "dead"}, "dry_run": True}


async def test_stats_tell_what_the_project_did(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Accepted and delivered tasks and attempts appear in the project's series within seconds."""
    one, two = await _create(client), await _create(client)
    await _settle(api, redis_settings, one, Done())
    await _settle(api, redis_settings, two, Dead("enough"))

    async def sums() -> dict[str, int]:
        points = (await _get(client, STATS))["series"]["5s"]["points"]
        names = ("accepted", "delivered", "failed", "dead")
        return {name: sum(point[name] for point in points) for name in names}

    async def complete() -> bool:
        return await sums() == {"accepted": 2, "delivered": 1, "failed": 1, "dead": 1}

    await wait_until(complete, "the stats have all")
    stats = await _get(client, STATS)
    assert {name: len(series["points"]) for name, series in stats["series"].items()} == {
        "5s": 60, "1h": 72,
    }  # fmt: skip
    (attempt_p50,) = {p["attempt_p50_ms"] for p in stats["series"]["1h"]["points"] if p["dead"]}
    assert 11 < attempt_p50 < 14
    assert stats["now"]["dead"] >= 1
    assert stats["redis"]["used_memory_bytes"] > 0


async def test_now_is_the_projects_own(client: httpx.AsyncClient) -> None:
    """A project sees the numbers of its own tasks; whoever sees all projects, those of all."""
    await _create(client, delay="1h", lane="a")
    await _create(client, delay="1h", lane="b")
    own = (await _get(client, STATS))["now"]
    for_all = (await client.get(STATS, headers={"X-Project": "*"})).json()["now"]
    nobodys = (await client.get(STATS, headers={"X-Project": "nobodys"})).json()["now"]

    assert (own["waiting"], own["scheduled"], own["lanes"]) == (0, 2, 2)
    assert for_all["scheduled"] >= 2
    assert (nobodys["scheduled"], nobodys["lanes"]) == (0, 0)


async def test_dead_letters_are_grouped(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Groups come page by page, the largest first, with an example of each."""
    for url in ("http://a.test/", "http://a.test/x", "http://b.test/"):
        task_id = await _create(client, url=url)
        await _settle(api, redis_settings, task_id, Dead("enough"))
    first = await _get(client, GROUPS, limit=1)
    second = await _get(client, GROUPS, limit=1, cursor=first["cursor"])
    of_lane = await _get(client, GROUPS, lane="b.test:80")

    (group,) = first["groups"]
    assert (group["lane"], group["count"]) == ("a.test:80", 2)
    assert (group["outcome"], group["status_code"]) == ("http_error", 500)
    assert group["example_error"] == "answered 500"
    assert first["exact"]
    assert [group["lane"] for group in second["groups"]] == ["b.test:80"]
    assert second["cursor"] is None
    assert of_lane["groups"] == second["groups"]
    assert second["cursor"] is None
    wrong = await client.get(GROUPS, params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "cursor")


async def test_groups_of_all_projects_name_theirs(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """With `X-Project: *` each group, and each operation, says which project it is of."""
    projects = [f"p{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for project in projects:
        client.headers["X-Project"] = project
        await _settle(api, redis_settings, await _create(client), Dead("enough"))
        await client.post("/api/v1/operations", json=COUNT)
    client.headers["X-Project"] = "*"
    groups = (await _get(client, GROUPS, limit=1000))["groups"]
    operations = (await _get(client, "/api/v1/operations", limit=1000))["operations"]

    assert {*projects} <= {group["project"] for group in groups}
    assert {*projects} <= {operation["project"] for operation in operations}


@pytest.mark.parametrize("path", [GROUPS, TASKS, "/api/v1/events"])
async def test_a_lane_is_of_one_project(client: httpx.AsyncClient, path: str) -> None:
    """`lane` with `X-Project: *` is a 422 that says to name the project."""
    headers = {"X-Project": "*"}
    response = await client.get(path, params={"lane": "a.test:80"}, headers=headers)

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "lane"
    assert "X-Project" in error["reason"]


async def test_a_key_of_all_projects_is_searched_for(client: httpx.AsyncClient) -> None:
    """With `X-Project: *` each project's task under an idempotency key is found."""
    key, found = uuid.uuid4().hex, set[str]()
    for project in ("default", f"p{uuid.uuid4().hex[:12]}"):
        client.headers["X-Project"] = project
        found.add(await _create(client, idempotency_key=key))
    client.headers["X-Project"] = "*"
    listed, page = list[str](), {"cursor": ""}
    while page["cursor"] is not None:  # one page looks at 3,000 of the tasks of other tests
        at = {"cursor": page["cursor"]} if page["cursor"] else {}
        page = await _get(client, TASKS, idempotency_key=key, **at)
        listed += [task["id"] for task in page["tasks"]]

    assert sorted(listed) == sorted(found)
    assert (await client.get(GROUPS, params={"cursor": "x"})).status_code == 422


async def test_the_oldest_task_is_known_without_a_scan(
    api_at: Api, redis_server: RedisServer
) -> None:
    """Where nobody reads metrics, and so nobody scans the lanes, the stats have the age too."""
    api_at.environment["METRICS_PORT"] = "0"
    await api_at.start_on(redis_server)
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        await _create(client)
        now = (await _get(client, STATS))["now"]

    assert now["waiting"] == 1
    assert 0 <= now["oldest_waiting_seconds"] < 60
