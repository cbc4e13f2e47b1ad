"""Who is let in, by the root key, at a real process on both ways in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from queue_testing import wait_until

from .conftest import NEXT_ROOT_KEY as NEXT
from .conftest import ROOT_KEY as ROOT
from .conftest import Api
from .hand_driven import request
from .test_two_ways import BY_ROUTE, answer_of

KEY = f"Authorization: Bearer {ROOT}".encode()
TASK = {"url": "http://localhost:9/"}
WAYS = pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE], ids=["fast", "route"])


@pytest.fixture
async def caller(closed_api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with httpx.AsyncClient(base_url=closed_api.url) as client:
        yield client


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


@pytest.mark.parametrize("path", ["/health", "/ready", "/version", "/docs", "/openapi.json"])
async def test_what_holds_no_data_is_open(caller: httpx.AsyncClient, path: str) -> None:
    """Probes, the version and the API's description need no key."""
    assert (await caller.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/tasks/x", "/nowhere", "/docs/../x"])
async def test_all_else_is_401_without_a_key(caller: httpx.AsyncClient, path: str) -> None:
    """A request without a key is told how to send one, whatever it asks for."""
    response = await caller.get(path)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "urn:queue-system:problem:unauthorized"
    assert "Authorization: Bearer" in response.json()["detail"]


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Basic eDp5", f"Bearer {ROOT[:-1]}", f"Bearer {ROOT}x", ROOT]
)
async def test_what_is_no_key_is_401(caller: httpx.AsyncClient, value: str) -> None:
    """A wrong key, or another scheme, is refused, and the problem does not repeat it."""
    response = await caller.post("/api/v1/tasks", json=TASK, headers={"Authorization": value})

    assert response.status_code == 401
    assert ROOT[:10] not in response.text


@pytest.mark.parametrize("key", [ROOT, NEXT])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_both_root_keys_are_taken(caller: httpx.AsyncClient, key: str, scheme: str) -> None:
    """While a root key is rotated, the old and the new one are valid."""
    response = await caller.get("/api/v1/me", headers={"Authorization": f"{scheme} {key}"})

    assert response.json() == {
        "key_id": "root", "name": "root", "project": "default", "auth": "root",
        "scopes": ["enqueue", "read", "manage", "admin"],
    }  # fmt: skip


@WAYS
@pytest.mark.parametrize("keys", [(), (b"Authorization: Bearer nobody",), (KEY, KEY)])
async def test_the_body_of_a_refused_client_is_not_waited_for(
    closed_api: Api, way: bytes, keys: tuple[bytes, ...]
) -> None:
    """A client without a valid key has its 401 before it has sent a byte of its body."""
    head, _, body = request(way, *keys).partition(b"\r\n\r\n")
    async with closed_api.connection() as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        refused = await asyncio.wait_for(answer_of(reader), 10)
        writer.write(body)

    assert refused.startswith(b"HTTP/1.1 401 ")


@WAYS
async def test_a_key_sends_tasks(closed_api: Api, way: bytes) -> None:
    """With the key a task is taken, time and again on one connection, and in no log is the key."""
    async with closed_api.connection() as (reader, writer):
        for spelled in (KEY, KEY.replace(b"Auth", b"auth"), KEY.replace(b"Auth", b"AUTH")):
            writer.write(request(way, spelled))
            assert (await answer_of(reader)).startswith(b"HTTP/1.1 201 ")

    assert ROOT not in closed_api.log()


@WAYS
async def test_a_client_on_one_connection_is_checked_each_time(closed_api: Api, way: bytes) -> None:
    """A request without a key is refused behind one with it, on the same connection."""
    async with closed_api.connection() as (reader, writer):
        writer.write(request(way, KEY))
        taken = await answer_of(reader)
        writer.write(request(way))
        refused = await answer_of(reader)

    assert taken.startswith(b"HTTP/1.1 201 ")
    assert refused.startswith(b"HTTP/1.1 401 ")


@WAYS
async def test_a_task_is_its_projects_alone(closed_api: Api, way: bytes) -> None:
    """A task sent for one project is seen for it, and is unknown for each other."""
    async with closed_api.connection() as (reader, writer):
        writer.write(request(way, KEY, b"X-Project: billing"))
        answer = await answer_of(reader)
    path = answer.split(b"location: ")[1].split(b"\r\n")[0].decode()
    async with httpx.AsyncClient(base_url=closed_api.url) as client:
        own = await client.get(path, headers=bearer(ROOT, **{"X-Project": "billing"}))
        other = await client.get(path, headers=bearer(ROOT))
        nobodys = await client.get(path[:-4] + "0000", headers=bearer(ROOT))
        for_all = await client.get(path, headers=bearer(ROOT, **{"X-Project": "*"}))

    assert (own.status_code, own.json()["project"], own.json()["lane"]) == (
        200, "billing", "localhost:9",
    )  # fmt: skip
    assert for_all.status_code == 200
    assert (other.status_code, nobodys.status_code) == (404, 404)
    assert without_id(other) == without_id(nobodys)


def without_id(response: httpx.Response) -> str:
    """Return what a response says beside the task's id."""
    return response.text.replace(response.url.path[-36:], "")


@WAYS
@pytest.mark.parametrize("project", [b"Billing", b"a b", b"", b"*", b"a/b", b"a\x1fb", b"a, b"])
async def test_what_is_no_project_is_422(closed_api: Api, way: bytes, project: bytes) -> None:
    """A task is sent for one project, whose name is plain."""
    async with closed_api.connection() as (reader, writer):
        writer.write(request(way, KEY, b"X-Project: " + project))
        answer = await asyncio.wait_for(reader.read(4096), 10)

    assert answer.startswith((b"HTTP/1.1 422 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "API_ROOT_KEY: should be set in production"),
        ({"API_ROOT_KEY": "short"}, "API_ROOT_KEY: should be 32 to 200 visible"),
        ({"API_ROOT_KEY": f"{ROOT},short"}, "API_ROOT_KEY: should be 32 to 200 visible"),
        ({"API_ROOT_KEY_FILE": "/nowhere"}, "API_ROOT_KEY_FILE=/nowhere: cannot be read"),
        ({"API_AUTH": "no"}, "API_AUTH=no: input should be 'on' or 'off'"),
    ],
)
async def test_production_needs_a_key_or_a_word(
    api_at: Api, variables: dict[str, str], said: str
) -> None:
    """In production the API does not start without a root key, unless API_AUTH says so."""
    api_at.environment |= {"API_AUTH": "", **variables}
    api_at.start()

    assert await api_at.until_ended() == 2
    assert api_at.log().startswith(said)
    assert "short" not in api_at.log()


async def test_development_is_open_and_says_so(api_at: Api) -> None:
    """Without a key, development lets everybody in and warns at its start."""
    api_at.environment |= {"API_AUTH": "", "ENV": "development"}
    api_at.start()
    await api_at.until_alive()
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        me = (await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})).json()

    assert (me["auth"], me["key_id"], me["project"]) == ("off", None, "default")
    assert "api.open" in api_at.log()


async def test_an_open_api_in_production_says_so(api: Api) -> None:
    """With API_AUTH=off the log of an API in production warns that everybody may do everything."""
    assert "API_AUTH=off: who reaches it may do all" in api.log()


async def test_one_root_key_is_named(api_at: Api, tmp_path: Path) -> None:
    """A root key and a file with one are refused together: one would be passed over."""
    file = tmp_path / "key"
    file.write_text(ROOT)
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": ROOT, "API_ROOT_KEY_FILE": str(file)}
    api_at.start()

    assert await api_at.until_ended() == 2
    assert api_at.log() == "API_ROOT_KEY_FILE: should not be set together with API_ROOT_KEY\n"


async def test_a_root_key_may_come_from_a_file(api_at: Api) -> None:
    """A file holds the root key in place of the variable; a newline at its end is no part of it."""
    file = api_at.directory / "key"
    file.write_text(f"{ROOT}\n")
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY_FILE": str(file)}
    api_at.start()
    await api_at.until_alive()
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        await wait_until(lambda: file.exists(), "the file is there")
        me = await client.get("/api/v1/me", headers=bearer(ROOT))

    assert me.json()["auth"] == "root"
