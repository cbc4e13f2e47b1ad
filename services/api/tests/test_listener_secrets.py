"""Listeners and secrets: which keys may listen, what is signed, and what cannot be read."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.signing import SigningSecrets, new_secret, parse_secret
from queue_common.task import new_task_id
from queue_testing import RedisServer
from queue_testing.system import System
from queue_testing.tasks import a_task

from .conftest import Api
from .test_keys import bearer, new_key, root
from .test_listeners import LISTENERS, listen

__all__ = ["root"]

URL, LANE = "http://127.0.0.1:9/", "127.0.0.1:9"
SECRET = new_secret()
BILLING = {"X-Project": "billing"}


@pytest.mark.parametrize(
    ("fields", "lacks"),
    [
        ({"scopes": ["enqueue", "read"]}, "the scope manage"),
        ({"scopes": ["manage"]}, "the scope enqueue"),
        ({"scopes": ["enqueue", "manage"], "allowed_hosts": ["a.example"]}, "allowed_hosts"),
    ],
)
async def test_a_listener_needs_the_right_to_send_elsewhere(
    closed_api: Api, root: httpx.AsyncClient, fields: dict[str, Any], lacks: str
) -> None:
    """A listener gets secrets in clear: `manage` and `enqueue` are needed, and any host allowed."""
    lane = {"lane": uuid.uuid4().hex}
    key, may = await new_key(root, **fields), await new_key(root, scopes=["manage", "enqueue"])
    refused = await root.post(LISTENERS, json=lane, headers=bearer(key["key"]))
    made = await root.post(LISTENERS, json=lane, headers=bearer(may["key"]))
    path = f"{LISTENERS}/{made.json()['id']}/next"
    no_delivery = await root.get(path, headers=bearer(key["key"]))

    assert (refused.status_code, made.status_code, no_delivery.status_code) == (403, 201, 403)
    assert lacks in refused.json()["detail"]


@pytest.fixture
async def signing(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[System]:
    """An API that has signing secrets and no encryption keys, without a worker."""
    system = System(tmp_path, redis_server.address, SIGNING_SECRETS=SECRET)
    await system.start("api")
    yield system
    system.stop()


@pytest.fixture
async def sealing(signing: System, redis_settings: RedisSettings) -> AsyncIterator[TaskQueue]:
    """The API's queue, in a process that has an encryption key."""
    key = base64.b64encode(b"k" * 32).decode()
    settings = QueueSettings(
        queue_name=signing.variables["QUEUE_NAME"], encryption_keys=SecretStr(f"a:{key}")
    )
    queue = TaskQueue(redis_settings, settings)
    yield queue
    await queue.disconnect()


@pytest.fixture
async def http(signing: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=signing.url, timeout=40) as http:
        yield http


async def test_a_listeners_deliveries_are_signed(http: httpx.AsyncClient) -> None:
    """What a listener gets is signed by SIGNING_SECRETS, as a worker signs it."""
    listener = await listen(http, LANE)
    await http.post("/api/v1/tasks", json={"url": URL, "body": {"a": 1}})
    delivery = await listener.delivery()

    body = base64.b64decode(delivery["body_base64"]).decode()
    assert Webhook(SECRET).verify(body, delivery["headers"]) == {"a": 1}


async def test_what_a_listener_cannot_be_given_is_dead(
    http: httpx.AsyncClient, sealing: TaskQueue
) -> None:
    """A task whose key is missing is dead, which tells the key; the listener gets the next one."""
    listener = await listen(http, LANE)
    unreadable = new_task_id()
    await sealing.submit(unreadable, a_task(URL, body=b"x"))
    readable = (await http.post("/api/v1/tasks", json={"url": URL})).json()["task_id"]
    delivery = await listener.delivery()
    status = (await http.get(f"/api/v1/tasks/{unreadable}")).json()

    assert delivery["task_id"] == readable
    assert (status["state"], status["last_attempt"]["outcome"]) == ("dead", "unreadable")
    assert "the key 'a', which ENCRYPTION_KEYS does not have" in status["last_attempt"]["error"]


async def test_a_listener_gets_nothing_unsigned(
    http: httpx.AsyncClient, sealing: TaskQueue
) -> None:
    """If the key of the project's signing secret is missing, the attempt fails and is repeated."""
    store = SigningSecrets(sealing, (), sealing.sealer)
    await store.add("ss_1", "billing", parse_secret(new_secret()))
    listener = await listen(http, LANE, **BILLING)
    made = await http.post("/api/v1/tasks", json={"url": URL}, headers=BILLING)
    path = f"{listener.path}/next"
    response = await http.get(path, params={"wait": "0s"}, headers=BILLING)
    status = (await http.get(made.headers["location"], headers=BILLING)).json()

    assert response.status_code == 204
    assert (status["state"], status["last_attempt"]["outcome"]) == ("scheduled", "worker_error")
    assert "the signing secret ss_1 cannot be read" in status["last_attempt"]["error"]


async def test_the_end_of_a_listener_is_audited(http: httpx.AsyncClient) -> None:
    """Who deletes a listener is told by an entry of the audit, with the lane."""
    listener = await listen(http, LANE)
    assert (await http.delete(listener.path)).status_code == 204
    (entry,) = (await http.get("/api/v1/audit", params={"limit": 1})).json()["entries"]

    assert (entry["action"], entry["target"]) == ("listener.delete", LANE)
