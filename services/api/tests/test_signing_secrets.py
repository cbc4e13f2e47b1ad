"""Signing secrets over HTTP, and a sealed task's look-up, at real processes."""

from __future__ import annotations

import uuid

import httpx
import pytest

from queue_common.retry import Dead
from queue_common.settings import RedisSettings

from .conftest import Api
from .test_keys import client_of, root, start, two_apis
from .test_manage_tasks import FAILED, _settle

__all__ = ["root", "two_apis"]


async def test_a_project_has_signing_secrets(root: httpx.AsyncClient, closed_api: Api) -> None:
    """A secret is made or given, told once, listed by its id, deleted, and audited."""
    path = f"/api/v1/projects/p-{uuid.uuid4().hex}/signing-secrets"
    made = (await root.post(path, json={})).json()
    given = await root.post(path, json={"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    listed = await root.get(path)
    deleted = await root.delete(f"{path}/{made['id']}")
    again = await root.delete(f"{path}/{made['id']}")
    elsewhere = await root.delete(f"/api/v1/projects/other/signing-secrets/{given.json()['id']}")
    actions = (await root.get("/api/v1/audit", params={"limit": 3})).json()["entries"]

    assert made["secret"].startswith("whsec_")
    assert given.status_code == 201
    assert [s["id"] for s in listed.json()["signing_secrets"]] == [given.json()["id"], made["id"]]
    assert "whsec_" not in listed.text
    assert (deleted.status_code, again.status_code, elsewhere.status_code) == (204, 404, 404)
    assert [entry["action"] for entry in actions] == [
        "signing-secret.delete", "signing-secret.create", "signing-secret.create",
    ]  # fmt: skip
    assert made["secret"] not in closed_api.log()


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
async def test_what_is_no_signing_secret_is_refused(root: httpx.AsyncClient, secret: str) -> None:
    """A secret has the form of the specification; a wrong one is not repeated."""
    response = await root.post("/api/v1/projects/shop/signing-secrets", json={"secret": secret})

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["secret"]
    assert len(secret) < 7 or secret not in response.text


async def test_a_project_has_ten_signing_secrets(root: httpx.AsyncClient) -> None:
    """The eleventh secret of a project is refused."""
    path = f"/api/v1/projects/p-{uuid.uuid4().hex}/signing-secrets"
    statuses = [(await root.post(path, json={})).status_code for _ in range(11)]

    assert statuses == [201] * 10 + [429]


async def test_a_sealed_task_is_shown_with_its_key(api_at: Api) -> None:
    """With ENCRYPTION_KEYS a task's request is looked at as without; secrets are redacted."""
    api_at.environment |= {"ENCRYPTION_KEYS": "a:" + "A" * 43 + "="}
    await start(api_at)
    task = {
        "url": "http://localhost:9/x?a=b", "body": "hello",
        "headers": {"Authorization": "Bearer s3cret", "X-Plain": "1"},
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        made = await client.post("/api/v1/tasks", json=task)
        shown = (await client.get(made.headers["location"])).json()["request"]

    assert (shown["url"], shown["body"]) == ("http://localhost:9/x?a=b", "hello")
    assert shown["headers"] == {"Authorization": "[redacted]", "X-Plain": "1"}


async def test_a_secret_without_its_key_is_listed_and_can_be_deleted(
    two_apis: list[Api],
) -> None:
    """A process without the secret's key says that it is not readable, and deletes it."""
    first, second = two_apis
    first.environment |= {"ENCRYPTION_KEYS": "a:" + "A" * 43 + "="}
    await start(first, second)
    path = "/api/v1/projects/billing/signing-secrets"
    async with client_of(first) as with_key, client_of(second) as without:
        made = (await with_key.post(path, json={})).json()
        shown = [
            [(s["id"], s["readable"]) for s in (await c.get(path)).json()["signing_secrets"]]
            for c in (with_key, without)
        ]
        deleted = await without.delete(f"{path}/{made['id']}")
        left = (await without.get(path)).json()["signing_secrets"]

    assert shown == [[(made["id"], True)], [(made["id"], False)]]
    assert (deleted.status_code, left) == (204, [])


async def test_a_task_without_its_key_says_so(
    two_apis: list[Api], redis_settings: RedisSettings
) -> None:
    """A process without the key tells it in the look-up, and refuses a replay by its name."""
    first, second = two_apis
    first.environment |= {"ENCRYPTION_KEYS": "mine:" + "A" * 43 + "="}
    await start(first, second)
    task = {"url": "http://localhost:9/", "body": "hello"}
    async with client_of(first) as with_key, client_of(second) as without:
        task_id = (await with_key.post("/api/v1/tasks", json=task)).json()["task_id"]
        await _settle(first, redis_settings, task_id, Dead("enough"), FAILED)
        shown = (await without.get(f"/api/v1/tasks/{task_id}")).json()
        replayed = await without.post(f"/api/v1/tasks/{task_id}/replay")
        by_key = await with_key.post(f"/api/v1/tasks/{task_id}/replay")

    assert shown["request"] is None
    reason = "it is sealed with the key 'mine', which ENCRYPTION_KEYS does not have"
    assert shown["request_error"] == reason
    assert replayed.status_code == 409
    assert replayed.json()["detail"] == f"task {task_id} cannot be replayed: {reason}"
    assert by_key.status_code == 201
