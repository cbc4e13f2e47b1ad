"""What a key may have sent: to the hosts that it lists, and what it may change of a task."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from queue_common.retry import Dead
from queue_common.settings import RedisSettings

from .conftest import Api
from .test_keys import bearer, new_key, root
from .test_manage_tasks import FAILED, _settle
from .test_operations import _begin, _finish

__all__ = ["root"]

ALLOWED = {"url": "http://a.example/"}
FORBIDDEN: list[dict[str, Any]] = [
    {"url": "http://b.example/"},
    {"url": "http://a.example/", "callback": {"url": "http://b.example/"}},
]
TO = pytest.mark.parametrize("task", FORBIDDEN, ids=["url", "callback"])


class Project:
    """A project, and a client with a key that may send to a.example alone."""

    def __init__(self, root: httpx.AsyncClient, api: Api, redis: RedisSettings) -> None:
        self._root = root
        self._api = api
        self._redis = redis
        self.name = f"p-{uuid.uuid4().hex}"

    async def dead(self, task: dict[str, Any]) -> str:
        """Return the id of a dead task that another key has sent."""
        headers = {"X-Project": self.name}
        made = await self._root.post("/api/v1/tasks", json=task, headers=headers)
        task_id = str(made.json()["task_id"])
        await _settle(self._api, self._redis, task_id, Dead("enough"), FAILED)
        return task_id

    async def client(self, *scopes: str, **fields: object) -> httpx.AsyncClient:
        key = await new_key(self._root, scopes=scopes, project=self.name, **fields)
        return httpx.AsyncClient(base_url=self._api.url, headers=bearer(key["key"]), timeout=30)


@pytest.fixture
def project(root: httpx.AsyncClient, closed_api: Api, redis_settings: RedisSettings) -> Project:
    return Project(root, closed_api, redis_settings)


@TO
@pytest.mark.parametrize("action", ["replay", "run"])
async def test_a_key_sends_no_others_task_elsewhere(
    project: Project, action: str, task: dict[str, Any]
) -> None:
    """Replay and run of a task that goes, or reports, to a host that is not listed are 403."""
    own, other = await project.dead(ALLOWED), await project.dead(task)
    async with await project.client("enqueue", "manage", allowed_hosts=["a.example"]) as client:
        allowed = await client.post(f"/api/v1/tasks/{own}/{action}")
        refused = await client.post(f"/api/v1/tasks/{other}/{action}")

    assert allowed.is_success, allowed.text
    assert refused.status_code == 403
    assert "allowed_hosts do not list b.example" in refused.json()["detail"]


@pytest.mark.parametrize("action", ["replay", "run"])
async def test_an_operation_skips_what_its_key_may_not_send(project: Project, action: str) -> None:
    """Tasks that go, or report, to hosts that the key does not list are skipped, and counted."""
    for task in (ALLOWED, *FORBIDDEN):
        await project.dead(task)
    async with await project.client("enqueue", "manage", allowed_hosts=["a.example"]) as client:
        ended = await _finish(client, await _begin(client, action, filter={"state": "dead"}))

    assert (ended["done"], ended["skipped"], ended["failed"]) == (1, 2, 0)


@pytest.mark.parametrize("change", [{"url": "http://a.example/other"}, {"body": "x"}])
async def test_a_changed_replay_needs_the_scope_enqueue(
    project: Project, change: dict[str, object]
) -> None:
    """With `manage` alone a task is replayed as it was; another request is 403, by the scope."""
    task_id = await project.dead(ALLOWED)
    async with await project.client("manage") as client:
        changed = await client.post(f"/api/v1/tasks/{task_id}/replay", json=change)
        same = await client.post(f"/api/v1/tasks/{task_id}/replay")
    async with await project.client("manage", "enqueue") as client:
        by_both = await client.post(f"/api/v1/tasks/{task_id}/replay", json=change)

    assert (changed.status_code, same.status_code, by_both.status_code) == (403, 201, 201)
    assert changed.json()["detail"] == "The key lacks the scope enqueue."
