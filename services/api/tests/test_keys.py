"""Keys that are made over the API, at real processes that share a Redis."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from queue_testing import RedisServer, wait_until

from .conftest import ROOT_KEY, Api
from .hand_driven import request
from .test_two_ways import BY_ROUTE, answer_of

TASK = {"url": "http://localhost:9/"}
WAYS = pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE], ids=["fast", "route"])


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


@pytest.fixture
async def root(closed_api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the root key."""
    async with httpx.AsyncClient(base_url=closed_api.url, headers=bearer(ROOT_KEY)) as client:
        yield client


async def new_key(root: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    """Make a key and return the response."""
    body = {"name": "a test's", "scopes": ["enqueue"], "project": "billing", **fields}
    response = await root.post("/api/v1/keys", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


@pytest.fixture
def two_apis(tmp_path: Path, redis_server: RedisServer) -> Iterator[list[Api]]:
    """Two processes of one queue that check keys; they are not started."""
    queue = f"t-{uuid.uuid4().hex}"
    variables = {
        "REDIS_ADDR": redis_server.address, "QUEUE_NAME": queue,
        "API_AUTH": "", "API_ROOT_KEY": ROOT_KEY,
    }  # fmt: skip
    apis = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        apis.append(Api(tmp_path / name, dict(variables)))
    yield apis
    for api in apis:
        api.clean_up()


@asynccontextmanager
async def client_of(api: Api, key: str = ROOT_KEY) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.url, headers=bearer(key)) as client:
        yield client


async def start(*apis: Api) -> None:
    for api in apis:
        api.start()
    for api in apis:
        await api.until_alive()


async def test_a_key_is_told_once(root: httpx.AsyncClient) -> None:
    """The response to its making has the key; no other, and no log line, has its secret."""
    made = await new_key(root, scopes=["manage"], allowed_hosts=["Hooks.Example.com"])
    secret = made.pop("key").split("_", 2)[2]

    assert len(secret) == 43
    shown = await root.get(f"/api/v1/keys/{made['id']}")
    assert shown.json() == made
    assert made["project"] == "billing"
    assert made["allowed_hosts"] == ["hooks.example.com"]
    assert made["last_used_at"] is None
    assert secret not in (await root.get("/api/v1/keys")).text


@WAYS
async def test_a_key_sends_tasks_of_its_project(
    closed_api: Api, root: httpx.AsyncClient, way: bytes
) -> None:
    """A task that a key sends belongs to the key's project, on both ways in."""
    key = (await new_key(root, scopes=["enqueue", "read"]))["key"]
    async with closed_api.connection() as (reader, writer):
        writer.write(request(way, f"Authorization: Bearer {key}".encode()))
        answer = await answer_of(reader)
    path = answer.split(b"location: ")[1].split(b"\r\n")[0].decode()

    assert (await root.get(path)).status_code == 404
    own = await root.get(path, headers=bearer(key))
    assert (own.status_code, own.json()["project"]) == (200, "billing")


CALLS = {
    "enqueue": ("POST", "/api/v1/tasks", TASK, 201),
    "read": ("GET", f"/api/v1/tasks/{uuid.uuid4()}", None, 404),
    "admin": ("GET", "/api/v1/keys", None, 200),
}
ALLOWED = {
    "enqueue": {"enqueue"},
    "read": {"read"},
    "manage": {"read"},
    "admin": {"enqueue", "read", "admin"},
}


@pytest.mark.parametrize("needed", CALLS)
@pytest.mark.parametrize("scope", ALLOWED)
async def test_a_scope_allows_what_it_says(
    root: httpx.AsyncClient, scope: str, needed: str
) -> None:
    """A key without a scope gets 403 that names it, whether or not there is what it asks for."""
    key = (await new_key(root, scopes=[scope]))["key"]
    method, path, body, status = CALLS[needed]
    response = await root.request(method, path, json=body, headers=bearer(key))

    if needed in ALLOWED[scope]:
        assert response.status_code == status
    else:
        assert response.status_code == 403
        assert response.json()["detail"] == f"The key lacks the scope {needed}."


@WAYS
async def test_a_key_without_the_scope_is_refused_before_its_body(
    closed_api: Api, root: httpx.AsyncClient, way: bytes
) -> None:
    """A client whose key may not send tasks has its 403 before it has sent a byte of its body."""
    key = (await new_key(root, scopes=["read"]))["key"]
    head, _, body = request(way, f"Authorization: Bearer {key}".encode()).partition(b"\r\n\r\n")
    async with closed_api.connection() as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        refused = await answer_of(reader)
        writer.write(body)

    assert refused.startswith(b"HTTP/1.1 403 ")


async def test_a_key_names_no_other_project(root: httpx.AsyncClient) -> None:
    """X-Project with another project than the key's is 403, with its own it changes nothing."""
    key = (await new_key(root))["key"]
    other = await root.get("/api/v1/me", headers=bearer(key, **{"X-Project": "shop"}))
    own = await root.get("/api/v1/me", headers=bearer(key, **{"X-Project": "billing"}))

    assert other.status_code == 403
    assert own.json()["project"] == "billing"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://localhost:9/", 201), ("http://LOCALHOST/", 201), ("http://localhost./", 201),
        ("http://a.localhost/", 201), ("http://b.a.localhost/", 201),
        ("http://example.com/", 403), ("http://localhost.example.com/", 403),
        ("http://xlocalhost/", 403), ("http://[::1]/", 422), ("http://[2a00::1]/", 403),
    ],
)  # fmt: skip
async def test_a_key_may_be_for_some_hosts(root: httpx.AsyncClient, url: str, status: int) -> None:
    """A key with allowed_hosts sends tasks to these alone, and 403 tells of which it is not."""
    key = (await new_key(root, allowed_hosts=["localhost", "*.localhost"]))["key"]
    response = await root.post("/api/v1/tasks", json={"url": url}, headers=bearer(key))

    assert response.status_code == status, response.text
    assert ("allowed_hosts" in response.text) == (status == 403)


async def test_a_revoked_key_is_refused_everywhere(two_apis: list[Api]) -> None:
    """Once a key is revoked at one process it is refused by all of them within 5 s."""
    first, second = two_apis
    await start(first, second)
    async with client_of(first) as root, client_of(second) as other:
        made = await new_key(root)
        key = bearer(made["key"])
        assert (await other.post("/api/v1/tasks", json=TASK, headers=key)).status_code == 201
        assert (await root.post("/api/v1/tasks", json=TASK, headers=key)).status_code == 201

        assert (await root.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
        began = time.monotonic()
        assert (await root.post("/api/v1/tasks", json=TASK, headers=key)).status_code == 401

        async def refused() -> bool:
            return (await other.post("/api/v1/tasks", json=TASK, headers=key)).status_code == 401

        await wait_until(refused, "the other process refuses it")
        assert time.monotonic() - began < 5
        assert (await root.delete(f"/api/v1/keys/{made['id']}")).status_code == 404
        assert (await root.get(f"/api/v1/keys/{made['id']}")).status_code == 404


async def test_the_last_use_is_kept_to_the_minute(two_apis: list[Api]) -> None:
    """A process writes which keys were used, at its end at the latest."""
    first, second = two_apis
    await start(first, second)
    async with client_of(first) as root:
        made = await new_key(root)
        await root.get("/api/v1/me", headers=bearer(made["key"]))
        unused = await new_key(root)
    first.terminate()
    assert await first.until_ended() == 0
    async with client_of(second) as other:
        shown = (await other.get(f"/api/v1/keys/{made['id']}")).json()["last_used_at"]
        never = (await other.get(f"/api/v1/keys/{unused['id']}")).json()["last_used_at"]

    assert shown.endswith(":00.000Z")
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(shown) < timedelta(minutes=2)
    assert never is None


async def test_a_key_ends_when_it_was_said_to(root: httpx.AsyncClient) -> None:
    """From `expires_at` on a key is refused; it is still listed."""
    ends = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    made = await new_key(root, expires_at=ends)

    async def refused() -> bool:
        me = await root.get("/api/v1/me", headers=bearer(made["key"]))
        return me.status_code == 401

    assert not await refused()
    await wait_until(refused, "it has ended")
    assert (await root.get(f"/api/v1/keys/{made['id']}")).status_code == 200


async def test_keys_work_on_while_redis_is_away(
    api_at: Api, start_server: Callable[..., RedisServer]
) -> None:
    """What a process knows it goes on with: a task is 503, and not 401."""
    server = start_server()
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": ROOT_KEY}
    await api_at.start_on(server)
    async with client_of(api_at) as root:
        key = (await new_key(root))["key"]
        server.kill()
        me = await root.get("/api/v1/me", headers=bearer(key))
        task = await root.post("/api/v1/tasks", json=TASK, headers=bearer(key))
        unknown = await root.get("/api/v1/me", headers=bearer(key[:-1]))

    assert (me.status_code, task.status_code, unknown.status_code) == (200, 503, 401)


async def test_keys_that_were_not_read_yet_are_not_refused(
    api_at: Api, start_server: Callable[..., RedisServer]
) -> None:
    """A process that starts without Redis says 503 to keys, and knows them once Redis is there."""
    server = start_server()
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": ROOT_KEY}
    await api_at.start_on(server)
    async with client_of(api_at) as root:
        key = (await new_key(root))["key"]
    server.kill()
    api_at.clean_up()
    await start(api_at)
    async with client_of(api_at, key) as client:
        before = (await client.get("/api/v1/me")).status_code
        by_root = (await client.get("/api/v1/me", headers=bearer(ROOT_KEY))).status_code
        server.start()

        async def known() -> bool:
            return (await client.get("/api/v1/me")).status_code == 401

        # The server kept nothing: the key is known to be unknown.
        await wait_until(known, "the keys are read")

    assert (before, by_root) == (503, 200)


MISTAKES: list[tuple[dict[str, object], list[str]]] = [
    ({"name": ""}, ["name"]),
    ({"name": "a\nb"}, ["name"]),
    ({"scopes": []}, ["scopes"]),
    ({"scopes": ["all"]}, ["scopes[0]"]),
    ({"scopes": ["read", "read"]}, ["scopes"]),
    ({"project": "Billing"}, ["project"]),
    ({"project": "a\x1fb"}, ["project"]),
    ({"expires_at": "tomorrow"}, ["expires_at"]),
    ({"expires_at": ""}, ["expires_at"]),
    ({"expires_at": "2001-01-01T00:00:00Z"}, ["expires_at"]),
    ({"expires_at": "9999-12-31T23:59:59.9999999Z"}, ["expires_at"]),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, ["expires_at"]),
    ({"allowed_hosts": ["http://x"]}, ["allowed_hosts[0]"]),
    ({"allowed_hosts": []}, ["allowed_hosts"]),
    ({"project": "A", "name": "\x00"}, ["name", "project"]),
    ({"unknown": 1}, ["unknown"]),
]


@pytest.mark.parametrize(("fields", "wrong"), MISTAKES)
async def test_what_is_wrong_with_a_key_is_named(
    root: httpx.AsyncClient, fields: dict[str, object], wrong: list[str]
) -> None:
    """A key that cannot be made is 422, which names each field and reason."""
    body = {"name": "x", "scopes": ["read"], **fields}
    response = await root.post("/api/v1/keys", json=body)

    assert response.status_code == 422
    assert sorted(error["field"] for error in response.json()["errors"]) == sorted(wrong)


async def test_keys_are_listed_page_by_page(root: httpx.AsyncClient) -> None:
    """All keys of a project come once, the newest first, and the last page has no cursor."""
    project = f"p-{uuid.uuid4().hex}"
    made = [(await new_key(root, project=project, name=str(i)))["id"] for i in range(5)]
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        query = {"project": project, "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await root.get("/api/v1/keys", params=query)).json()
        found += [key["id"] for key in page["keys"]]
        cursor = page["cursor"]

    assert sorted(found) == sorted(made)
    assert cursor is None


async def test_management_is_audited(closed_api: Api, root: httpx.AsyncClient) -> None:
    """Making and revoking a key are entries of the audit and log lines, by the key that did it."""
    admin = await new_key(root, scopes=["admin"], name="an admin")
    made = (
        await root.post(
            "/api/v1/keys", json={"name": "n", "scopes": ["read"]}, headers=bearer(admin["key"])
        )
    ).json()
    await root.delete(f"/api/v1/keys/{made['id']}")
    entries = (await root.get("/api/v1/audit", params={"limit": 2})).json()
    older = await root.get("/api/v1/audit", params={"limit": 1, "cursor": entries["cursor"]})

    revoked, created = entries["entries"]
    assert [created["action"], created["key_id"], created["key_name"], created["target"]] == [
        "key.create", admin["id"], "an admin", made["id"],
    ]  # fmt: skip
    assert [revoked["action"], revoked["key_id"], revoked["target"]] == [
        "key.revoke", "root", made["id"],
    ]  # fmt: skip
    assert created["details"] == {
        "key_project": "billing", "name_of_key": "n", "scopes": ["read"],
    }  # fmt: skip
    assert older.json()["entries"][0]["target"] == admin["id"]
    lines = [line for line in closed_api.log().splitlines() if made["id"] in line]
    assert ["key.create" in line for line in lines] == [True, False]
    assert made["key"] not in closed_api.log()


async def test_the_audit_is_bounded(api_at: Api) -> None:
    """About AUDIT_MAX entries are kept: never fewer, and no more than a node of the stream over."""
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": ROOT_KEY, "AUDIT_MAX": "10"}
    await start(api_at)
    async with client_of(api_at) as root:
        for _ in range(150):
            await new_key(root)
        entries = (await root.get("/api/v1/audit", params={"limit": 1000})).json()["entries"]

    assert 10 <= len(entries) <= 110
