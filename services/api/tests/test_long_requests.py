"""Requests that take long end once their key is revoked or has expired."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx

from queue_testing import wait_until

from .conftest import Api
from .test_keys import bearer, new_key, root

__all__ = ["root"]

SCOPES = ["enqueue", "manage"]


async def _revoke(root: httpx.AsyncClient, key_id: str) -> None:
    assert (await root.delete(f"/api/v1/keys/{key_id}")).status_code == 204


async def _until_ended(api: Api, key: str, begun: asyncio.Event) -> int:
    """Watch events with a key; return the number of bytes that came until the stream ended."""
    size = 0
    async with (
        httpx.AsyncClient(base_url=api.url, headers=bearer(key), timeout=30) as client,
        client.stream("GET", "/api/v1/events") as response,
    ):
        assert response.status_code == 200
        async for part in response.aiter_bytes():
            size += len(part)
            begun.set()
    return size


async def test_a_stream_of_events_ends_with_its_key(
    root: httpx.AsyncClient, closed_api: Api
) -> None:
    """Once its key is revoked a stream ends within 5 s."""
    made = await new_key(root, scopes=["read"])
    begun = asyncio.Event()
    reading = asyncio.create_task(_until_ended(closed_api, made["key"], begun))
    await begun.wait()

    await _revoke(root, made["id"])

    async with asyncio.timeout(5):
        await reading


async def test_a_stream_of_events_ends_when_its_key_expires(
    root: httpx.AsyncClient, closed_api: Api
) -> None:
    """At `expires_at` a stream ends."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    made = await new_key(root, scopes=["read"], expires_at=soon.isoformat())

    async with asyncio.timeout(7):
        await _until_ended(closed_api, made["key"], asyncio.Event())

    assert datetime.now(UTC) >= soon


async def test_a_listener_that_waits_is_refused_once_its_key_is_revoked(
    root: httpx.AsyncClient, closed_api: Api
) -> None:
    """A request that waits for a delivery is 401 within 5 s."""
    made = await new_key(root, scopes=SCOPES)
    async with httpx.AsyncClient(
        base_url=closed_api.url, headers=bearer(made["key"]), timeout=30
    ) as client:
        listener = (await client.post("/api/v1/listeners", json={"lane": "waits"})).json()["id"]
        path = f"/api/v1/listeners/{listener}/next"
        assert (await client.get(path, params={"wait": "0s"})).status_code == 204
        waiting = asyncio.create_task(client.get(path, params={"wait": "20s"}))

        await _revoke(root, made["id"])

        async with asyncio.timeout(5):
            assert (await waiting).status_code == 401


async def test_the_rest_of_a_batch_is_refused_once_its_key_is_revoked(
    root: httpx.AsyncClient, closed_api: Api
) -> None:
    """Tasks that come after the key's end are 401, each in its line; those before are stored."""
    project = f"p-{uuid.uuid4().hex}"
    made = await new_key(root, scopes=SCOPES, project=project)
    task = json.dumps({"url": "http://localhost:9/", "delay": "1h"}).encode() + b"\n"

    async def stored() -> object:
        listed = await root.get("/api/v1/tasks", headers={"X-Project": project})
        return listed.json()["tasks"]

    async def lines() -> AsyncIterator[bytes]:
        yield task
        await wait_until(stored, "the first task is stored")
        await _revoke(root, made["id"])
        yield task

    async with httpx.AsyncClient(base_url=closed_api.url, timeout=30) as client:
        headers = bearer(made["key"], **{"Content-Type": "application/x-ndjson"})
        response = await client.post("/api/v1/tasks/batch", content=lines(), headers=headers)

    statuses = [json.loads(line)["status"] for line in response.text.splitlines()]
    assert statuses == [201, 401]
