"""Replaying settled tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import redis.asyncio

from queue_common.queue import Key
from queue_common.queue.storage.keys import Keys
from queue_common.retry import Dead, Done
from queue_common.settings import RedisSettings
from queue_common.task import Attempt, Outcome
from queue_testing import RedisServer

from .conftest import Api
from .test_manage_tasks import DEAD, FAILED, TASK, TASKS, _create, _get, _settle, client

__all__ = ["client"]

DELIVERED = Attempt(
    1, 1_700_000_000_000, 3.0, Outcome.DELIVERED, 200, worker="w", response_headers={}
)


async def _a_dead_task(client: httpx.AsyncClient, api: Api, redis: RedisSettings) -> str:
    task_id = await _create(client, labels={"customer": "acme"}, retry={"max_attempts": 3})
    await _settle(api, redis, task_id, Dead("enough"), FAILED)
    return task_id


async def _replay(
    client: httpx.AsyncClient, task_id: str, *, key: str | None = None, **body: object
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"{TASKS}/{task_id}/replay", json=body, headers=headers)


async def test_a_dead_task_is_replayed(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """The new task makes the same request with the same options, and both name each other."""
    source = await _a_dead_task(client, api, redis_settings)
    response = await _replay(client, source)
    made = response.json()
    task = await _get(client, f"{TASKS}/{made['task_id']}")
    old = await _get(client, f"{TASKS}/{source}")

    assert response.status_code == 201
    assert made == {
        "task_id": task["id"], "replay_of": source, "trace_id": task["trace_id"],
    }  # fmt: skip
    assert (task["state"], task["replay_of"], task["attempts"]) == ("queued", source, 0)
    assert task["request"] == old["request"]
    assert (task["labels"], task["retry"]) == (old["labels"], old["retry"])
    assert task["created_at"] >= old["finished_at"]
    assert (old["state"], old["replays"]) == ("dead", [task["id"]])


async def test_a_replay_may_differ(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """URL, method, headers and body of a replay may be others; what is not named stays."""
    source = await _a_dead_task(client, api, redis_settings)
    elsewhere = await _replay(client, source, url="http://b.test/v2")
    other_body = await _replay(client, source, body="text", method="PUT")
    one = (await _get(client, f"{TASKS}/{elsewhere.json()['task_id']}")) | {}
    two = (await _get(client, f"{TASKS}/{other_body.json()['task_id']}"))["request"]

    assert (one["lane"], one["request"]["url"]) == ("b.test:80", "http://b.test/v2")
    assert one["request"]["body"] == '{"order":7}'
    assert (two["method"], two["body"], two["url"]) == ("PUT", "text", TASK["url"])
    assert two["headers"] == {
        "Authorization": "[redacted]", "X-Event": "order.created",
        "Content-Type": "application/json",
    }  # fmt: skip


@pytest.mark.parametrize("named", [{}, {"content-type": "text/x"}], ids=["unnamed", "named"])
async def test_new_headers_keep_the_type_of_a_body_that_is_kept(
    named: dict[str, str], client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """New headers replace all but the Content-Type of a body that stays, unless they have one."""
    source = await _a_dead_task(client, api, redis_settings)
    made = [(await _replay(client, source, headers={"X-B": "2", **named})).json() for _ in range(2)]
    request = (await _get(client, f"{TASKS}/{made[0]['task_id']}"))["request"]

    assert request["body"] == '{"order":7}'
    assert request["headers"] == {"X-B": "2", **(named or {"Content-Type": "application/json"})}
    assert made[0] == made[1]


async def test_a_repeated_call_makes_one_task(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """The same key, or the same body in a short time, answers with the first call's task."""
    source = await _a_dead_task(client, api, redis_settings)
    keyed = [await _replay(client, source, key="k1") for _ in range(2)]
    plain = await asyncio.gather(*(_replay(client, source) for _ in range(5)))
    another = await _replay(client, source, key="k2")

    assert [response.status_code for response in keyed] == [201, 200]
    assert keyed[0].json() == keyed[1].json()
    assert len({response.json()["task_id"] for response in plain}) == 1
    assert sorted(response.status_code for response in plain) == [200] * 4 + [201]
    ids = {keyed[0].json()["task_id"], plain[0].json()["task_id"], another.json()["task_id"]}
    assert len(ids) == 3
    assert set((await _get(client, f"{TASKS}/{source}"))["replays"]) == ids


@pytest.mark.parametrize("key", ["k1", None], ids=["with a key", "without a key"])
@pytest.mark.parametrize("ends", ["dead", "cancelled"])
async def test_a_replay_that_sent_nothing_is_not_repeated_as_a_success(
    key: str | None, ends: str, client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A replay that died or was cancelled frees its key and body: the same call makes another."""
    source = await _a_dead_task(client, api, redis_settings)
    made: list[str] = []
    for _ in range(6):
        response = await _replay(client, source, key=key)
        repeated = await _replay(client, source, key=key)
        made.append(response.json()["task_id"])
        if ends == "dead":
            await _settle(api, redis_settings, made[-1], Dead("enough"), FAILED)
        else:
            await client.delete(f"{TASKS}/{made[-1]}")
        assert (response.status_code, repeated.status_code) == (201, 200)
        assert repeated.json() == response.json()

    assert len(set(made)) == 6
    assert (await _get(client, f"{TASKS}/{source}"))["replays"] == made[:0:-1]


async def test_a_deleted_replay_does_not_hide_a_later_one(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A key stands for the last task that it has made, also if an earlier one was deleted."""
    source = await _a_dead_task(client, api, redis_settings)
    first = (await _replay(client, source, key="k1")).json()["task_id"]
    await _settle(api, redis_settings, first, Dead("enough"), FAILED)
    second = (await _replay(client, source, key="k1")).json()["task_id"]
    await client.delete(f"{DEAD}/{first}")
    repeated = await _replay(client, source, key="k1")

    assert (repeated.status_code, repeated.json()["task_id"]) == (200, second)


async def test_a_freed_key_is_free_for_another_body(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """The key of a replay that was cancelled may be used for another request."""
    source = await _a_dead_task(client, api, redis_settings)
    first = (await _replay(client, source, key="k1")).json()["task_id"]
    await client.delete(f"{TASKS}/{first}")

    assert (await _replay(client, source, key="k1", method="PUT")).status_code == 201


@pytest.mark.parametrize("runs", [False, True], ids=["dead", "run and dead again"])
async def test_a_replay_has_the_deadline_of_its_source(
    runs: bool, client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Neither the source's delay nor the time until it was run adds to a replay's deadline."""
    source = await _create(client, delay="10d", retry={"deadline": "1h"})
    await client.post(f"{TASKS}/{source}/run")
    await _settle(api, redis_settings, source, Dead("enough"), FAILED)
    if runs:
        await client.post(f"{TASKS}/{source}/run")
        await _settle(api, redis_settings, source, Dead("enough"), FAILED)
    made = (await _replay(client, source)).json()
    task = await _get(client, f"{TASKS}/{made['task_id']}")
    begin, end = (datetime.fromisoformat(task[name]) for name in ("created_at", "deadline_at"))

    assert end - begin == timedelta(hours=1)


async def test_a_key_with_another_body_is_refused(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A key stands for one content: 422 idempotency-conflict."""
    source = await _a_dead_task(client, api, redis_settings)
    await _replay(client, source, key="k1")
    response = await _replay(client, source, key="k1", body="other")

    assert response.status_code == 422
    assert response.json()["type"] == "urn:queue-system:problem:idempotency-conflict"


async def test_a_delivered_task_is_replayed_while_it_is_whole(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A delivery that is kept in full can be replayed; a compact one cannot: 409."""
    whole, compact = await _create(client), await _create(client)
    await _settle(api, redis_settings, whole, Done(), DELIVERED)
    lean = Attempt(1, 1_700_000_000_000, 3.0, Outcome.DELIVERED, 200)
    await _settle(api, redis_settings, compact, Done(), lean)

    assert (await _get(client, f"{TASKS}/{whole}"))["request"]["body"] == '{"order":7}'
    assert (await _replay(client, whole)).status_code == 201
    refused = await _replay(client, compact)
    assert refused.status_code == 409
    assert "not kept any more" in refused.json()["detail"]


async def test_a_replays_key_outlives_the_source(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings, redis_server: RedisServer
) -> None:
    """A repeated call is answered with the first's task, also if its source is not kept."""
    source = await _create(client)
    await _settle(api, redis_settings, source, Done(), DELIVERED)
    body = {"headers": {"A": "1"}, "url": "http://b.test/v2"}
    first = await _replay(client, source, key="k1", **body)
    async with redis.asyncio.Redis(port=redis_server.port) as raw:
        keys = Keys(api.environment["QUEUE_NAME"])
        await raw.delete(keys.of(Key.WHOLE, source))
        repeated = [await _replay(client, source, key="k1", **body)]
        await raw.delete(keys.of(Key.RECORD, source))
    repeated.append(await _replay(client, source, key="k1", **body))
    other = await _replay(client, source, key="k1", url="http://b.test/v3")
    unknown = await _replay(client, source, key="k2", **body)
    foreign = await client.post(
        f"{TASKS}/{source}/replay", json=body,
        headers={"Idempotency-Key": "k1", "X-Project": "another"},
    )  # fmt: skip

    assert first.status_code == 201
    assert [response.status_code for response in repeated] == [200, 200]
    assert [response.json() for response in repeated] == [first.json()] * 2
    assert (other.status_code, unknown.status_code, foreign.status_code) == (422, 404, 404)


@pytest.mark.parametrize("task", [TASK, {"url": TASK["url"]}], ids=["with a body", "without"])
async def test_a_cancelled_task_is_not_replayed(
    task: dict[str, object], client: httpx.AsyncClient
) -> None:
    """Its headers and body are removed with the cancellation, and the 409 says so."""
    task_id = str((await client.post(TASKS, json=task)).json()["task_id"])
    await client.delete(f"{TASKS}/{task_id}")
    refused = await _replay(client, task_id)

    assert refused.status_code == 409
    assert "a cancellation removes them" in refused.json()["detail"]


async def test_a_waiting_task_is_not_replayed(client: httpx.AsyncClient) -> None:
    """Only what is settled can be replayed: 409."""
    task_id = await _create(client)

    assert (await _replay(client, task_id)).status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"url": "ftp://x"}, 422, "url"), ({"method": "BREW"}, 422, "method"),
        ({"lane": "x"}, 422, "lane"), ({"url": "http://169.254.169.254/"}, 422, "url"),
        ({"body": 1, "body_base64": "AA=="}, 422, None), ([], 422, ""),
    ],
)  # fmt: skip
async def test_a_wrong_replay_is_refused(
    body: Any, status: int, field: str | None,  # noqa: ANN401
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings,
) -> None:  # fmt: skip
    """What is wrong with a replay is named, as with a new task."""
    source = await _a_dead_task(client, api, redis_settings)
    response = await client.post(f"{TASKS}/{source}/replay", json=body)

    assert response.status_code == status
    if field is not None:
        assert response.json()["errors"][0]["field"] == field


async def test_a_replay_names_nothing_twice(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A field that comes twice is a 422: a gateway in front may have checked the other one."""
    source = await _a_dead_task(client, api, redis_settings)
    twice = b'{"url":"http://a.example/","\\u0075rl":"http://b.example/"}'
    response = await client.post(
        f"{TASKS}/{source}/replay", content=twice, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "url", "reason": "comes twice in the body"}]


async def test_a_replay_needs_no_body(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """An empty body changes nothing, with a Content-Type and without one."""
    source = await _a_dead_task(client, api, redis_settings)
    path, json = f"{TASKS}/{source}/replay", {"Content-Type": "application/json"}
    bare = await client.post(path)
    named = await client.post(path, headers=json)

    assert (bare.status_code, named.status_code) == (201, 200), named.text
    assert bare.json() == named.json()


async def test_a_chunked_body_counts(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A body that comes in chunks is not taken for none: without a Content-Type it is a 415."""
    source = await _a_dead_task(client, api, redis_settings)

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"method":"PUT"}'

    response = await client.post(f"{TASKS}/{source}/replay", content=chunks())

    assert response.status_code == 415
