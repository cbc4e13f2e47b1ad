"""Operations on many tasks: in the background, stopped, and carried on after a kill."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from queue_common.lanes import lane_in
from queue_common.queue import TaskQueue
from queue_common.retry import Dead
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer, wait_until
from queue_testing.tasks import a_task, an_attempt

from .conftest import Api
from .test_manage_tasks import TASKS, _create, _get, _settle, client

__all__ = ["client"]

OPERATIONS = "/api/v1/operations"
MANY = 300


async def _begin(client: httpx.AsyncClient, action: str, **more: object) -> dict[str, Any]:
    body = {"action": action, "filter": {}, **more}
    response = await client.post(OPERATIONS, json=body)
    assert response.status_code == 202, response.text
    operation: dict[str, Any] = response.json()
    assert response.headers["location"] == f"{OPERATIONS}/{operation['id']}"
    return operation


async def _finish(
    client: httpx.AsyncClient, operation: dict[str, Any], *, seconds: float = 20
) -> dict[str, Any]:
    async def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = await _get(client, f"{OPERATIONS}/{operation['id']}")
        return now if now["finished_at"] else None

    found: dict[str, Any] | None = await wait_until(ended, "the operation has ended", seconds)
    assert found is not None
    return found


async def test_all_waiting_tasks_are_cancelled(client: httpx.AsyncClient) -> None:
    """A cancellation takes the tasks that its filter accepts, and tells how many."""
    mine = [await _create(client, labels={"customer": "acme"}) for _ in range(3)]
    later = await _create(client, labels={"customer": "acme"}, delay="1h")
    other = await _create(client, labels={"customer": "zeta"})
    begun = await _begin(client, "cancel", filter={"label": ["customer:acme"]})
    ended = await _finish(client, begun)

    assert (begun["state"], ended["state"], ended["error"]) == ("running", "done", None)
    assert (ended["matched"], ended["done"], ended["skipped"], ended["failed"]) == (4, 4, 0, 0)
    assert ended["filter"]["label"] == ["customer:acme"]
    for task_id in (*mine, later):
        assert (await _get(client, f"{TASKS}/{task_id}"))["state"] == "cancelled"
    assert (await _get(client, f"{TASKS}/{other}"))["state"] == "queued"


async def test_a_dry_run_changes_nothing(client: httpx.AsyncClient) -> None:
    """A dry run counts the tasks it would change."""
    task_id = await _create(client)
    ended = await _finish(client, await _begin(client, "cancel", dry_run=True))

    assert (ended["matched"], ended["done"], ended["dry_run"]) == (1, 0, True)
    assert (await _get(client, f"{TASKS}/{task_id}"))["state"] == "queued"


@pytest.mark.parametrize(
    ("action", "state", "replays"),
    [("run", "queued", 0), ("replay", "dead", 1), ("delete", None, 0)],
)
async def test_dead_letters_are_run_replayed_or_deleted(
    action: str, state: str | None, replays: int,
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings,
) -> None:  # fmt: skip
    """Each action does with all dead letters what its route does with one."""
    dead = [await _create(client) for _ in range(2)]
    for task_id in dead:
        await _settle(api, redis_settings, task_id, Dead("enough"))
    waiting = await _create(client, delay="1h")
    filters = {"state": "dead", "status_code": 500}
    ended = await _finish(client, await _begin(client, action, filter=filters))

    assert (ended["state"], ended["done"]) == ("done", 2)
    for task_id in dead:
        response = await client.get(f"{TASKS}/{task_id}")
        found = response.json() if response.status_code == 200 else {"state": None, "replays": []}
        assert (found["state"], len(found["replays"])) == (state, replays)
    assert (await _get(client, f"{TASKS}/{waiting}"))["state"] == "scheduled"


async def test_only_named_tasks_are_meant(client: httpx.AsyncClient, api: Api) -> None:
    """With ids an operation takes these, unless they are another project's."""
    one, two = await _create(client), await _create(client)
    async with httpx.AsyncClient(base_url=api.url) as other:
        foreign = await _create(other)
        ids = [one, foreign, str(uuid.uuid4())]
        ended = await _finish(client, await _begin(client, "cancel", filter={"ids": ids}))
        assert (await _get(other, f"{TASKS}/{foreign}"))["state"] == "queued"

    assert (ended["scanned"], ended["done"]) == (3, 1)
    assert (await _get(client, f"{TASKS}/{two}"))["state"] == "queued"


async def test_an_operation_keeps_to_its_rate_and_is_stopped(client: httpx.AsyncClient) -> None:
    """At 2 tasks a second most are left when it is stopped; what it did stays."""
    for _ in range(20):
        await _create(client)
    begun = await _begin(client, "cancel", rate=2)
    stopping = (await client.delete(f"{OPERATIONS}/{begun['id']}")).json()
    ended = await _finish(client, begun)
    again = (await client.delete(f"{OPERATIONS}/{begun['id']}")).json()

    assert stopping["state"] in {"stopping", "stopped"}
    assert (ended["state"], again["state"]) == ("stopped", "stopped")
    assert ended["done"] < 20
    left = await _get(client, TASKS, state="queued")
    assert len(left["tasks"]) == 20 - ended["done"]


async def test_a_repeated_call_begins_one_operation(client: httpx.AsyncClient) -> None:
    """A lost answer is asked for again by the key; other content under the key is refused."""
    body = {"action": "cancel", "filter": {}}
    headers = {"Idempotency-Key": "once"}
    first = await client.post(OPERATIONS, json=body, headers=headers)
    await _create(client)
    again = await client.post(OPERATIONS, json=body, headers=headers)
    other = await client.post(OPERATIONS, json={**body, "rate": 5}, headers=headers)
    elsewhere = await client.post(
        OPERATIONS, json=body, headers={**headers, "X-Project": f"p{uuid.uuid4().hex[:12]}"}
    )

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (
        422, "idempotency-conflict",
    )  # fmt: skip
    assert elsewhere.json()["id"] != first.json()["id"]
    assert len((await _get(client, OPERATIONS))["operations"]) == 1


async def test_operations_are_listed(client: httpx.AsyncClient, api: Api) -> None:
    """The project's operations come newest first, page by page; others' are unknown."""
    begun = [await _finish(client, await _begin(client, "cancel")) for _ in range(3)]
    first = await _get(client, OPERATIONS, limit=2)
    second = await _get(client, OPERATIONS, limit=2, cursor=first["cursor"])
    async with httpx.AsyncClient(base_url=api.url, headers={"X-Project": "other"}) as other:
        foreign = await other.get(f"{OPERATIONS}/{begun[0]['id']}")

    ids = [operation["id"] for page in (first, second) for operation in page["operations"]]
    assert ids == [operation["id"] for operation in reversed(begun)]
    assert foreign.status_code == 404
    assert foreign.json()["type"] == "urn:queue-system:problem:unknown-operation"


async def test_each_operation_is_on_one_page(client: httpx.AsyncClient) -> None:
    """Whether an operation has an id of its own or one of its key, one page shows it, once."""
    begun = []
    for number in range(8):
        headers = {"Idempotency-Key": f"key-{number}"} if number < 6 else {}
        body = {"action": "cancel", "filter": {}, "dry_run": True}
        begun.append((await client.post(OPERATIONS, json=body, headers=headers)).json()["id"])
    page = await _get(client, OPERATIONS, limit=3)
    pages = [[operation["id"] for operation in page["operations"]]]
    while page["cursor"] is not None:
        page = await _get(client, OPERATIONS, limit=3, cursor=page["cursor"])
        pages.append([operation["id"] for operation in page["operations"]])

    assert [len(ids) for ids in pages] == [3, 3, 2]
    assert sorted(i for ids in pages for i in ids) == sorted(begun)
    assert set(pages[0]) >= set(begun[6:])


@pytest.mark.parametrize("cursor", ["", "x", "1:default:", str(uuid.uuid4()), f"{'9' * 99}:a:b"])
async def test_a_wrong_cursor_is_refused(cursor: str, client: httpx.AsyncClient) -> None:
    """What is no cursor of the list of operations is 422, and named."""
    response = await client.get(OPERATIONS, params={"cursor": cursor})

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {}}, "action"), ({"action": "cancel"}, "filter"),
        ({"action": "boil", "filter": {}}, "action"),
        ({"action": "delete", "filter": {"state": "queued"}}, "filter.state"),
        ({"action": "cancel", "filter": {"colour": 1}}, "filter.colour"),
        ({"action": "cancel", "filter": {}, "rate": 0}, "rate"),
        ({"action": "cancel", "filter": {"created_after": "x"}}, "filter.created_after"),
        ({"action": "cancel", "filter": {"created_after": "0001-01-01T00:00:00+14:00"}},
         "filter.created_after"),
        ({"action": "cancel", "filter": {"ids": ["x"]}}, "filter.ids"),
        ({"action": "cancel", "filter": {"ids": []}}, "filter.ids"),
        ({"action": "delete", "filter": {"ids": []}}, "filter.ids"),
    ],
)  # fmt: skip
async def test_a_wrong_operation_is_refused(
    body: dict[str, object], field: str, client: httpx.AsyncClient
) -> None:
    """What is wrong with an operation is named."""
    response = await client.post(OPERATIONS, json=body)

    assert response.status_code == 422
    assert field.rpartition(".")[2] in str(response.json()["errors"][0])


@pytest.fixture
async def two_apis(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[list[Api]]:
    """Two API processes of one queue."""
    apis = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        apis.append(Api(tmp_path / name, {
            "REDIS_ADDR": redis_server.address, "QUEUE_NAME": f"t-{tmp_path.name}",
        }))  # fmt: skip
        apis[-1].start()
    for api in apis:
        await api.until_alive()
    yield apis
    for api in apis:
        api.clean_up()


async def _a_backlog(queue: TaskQueue, lane: str, *, dead: bool) -> None:
    tasks = [(TaskId(str(uuid.uuid4())), a_task(lane=lane)) for _ in range(MANY)]
    await asyncio.gather(*(queue.submit(*task) for task in tasks))
    settled = 0
    while dead and settled < MANY:
        claims = await queue.claim(100)
        await asyncio.gather(*(queue.settle(c, an_attempt(), Dead("x")) for c in claims))
        settled += len(claims)


@pytest.fixture
async def queue(two_apis: list[Api], redis_settings: RedisSettings) -> AsyncIterator[TaskQueue]:
    """A worker of theirs that claims what the test asks for."""
    name = two_apis[0].environment["QUEUE_NAME"]
    queue = TaskQueue(redis=redis_settings, queue=QueueSettings(queue_name=name))
    await queue.start_consuming(worker_id="test", concurrency=1000)
    yield queue
    await queue.disconnect()


@pytest.mark.parametrize("action", ["cancel", "replay"])
async def test_an_operation_survives_the_kill_of_its_process(
    action: str, two_apis: list[Api], queue: TaskQueue
) -> None:
    """Another process carries on where a killed one was: all is done, and nothing twice."""
    first, second = two_apis
    await _a_backlog(queue, "paused.test:1", dead=action == "replay")
    await queue.operations.pause("destination.test:80")
    await queue.operations.pause("paused.test:1")
    async with (
        httpx.AsyncClient(base_url=first.url) as client,
        httpx.AsyncClient(base_url=second.url) as other,
    ):
        begun = await _begin(client, action, rate=100)

        async def progress() -> int:
            done: int = (await _get(other, f"{OPERATIONS}/{begun['id']}"))["done"]
            return done

        await wait_until(progress, "the operation has begun")
        assert first.process is not None
        first.process.kill()
        ended = await _finish(other, begun, seconds=40)
        counts = await queue.reader.count()

    assert (ended["state"], ended["done"], ended["failed"]) == ("done", MANY, 0)
    assert counts.queued == (0 if action == "cancel" else MANY)
    assert counts.dead == (0 if action == "cancel" else MANY)


async def test_all_operations_of_a_killed_process_go_on_within_15_seconds(
    two_apis: list[Api], queue: TaskQueue
) -> None:
    """Several operations at once move to another process, which keeps to the rate of each."""
    first, second = two_apis
    rates = {f"rate{rate}.test:1": rate for rate in (5, 10, 20)}
    for lane in rates:
        await _a_backlog(queue, lane, dead=False)
    async with (
        httpx.AsyncClient(base_url=first.url) as client,
        httpx.AsyncClient(base_url=second.url) as other,
    ):
        begun = [
            await _begin(client, "cancel", rate=rate, filter={"lane": lane})
            for lane, rate in rates.items()
        ]

        async def all_done() -> list[int]:
            return [
                (await _get(other, f"{OPERATIONS}/{operation['id']}"))["done"]
                for operation in begun
            ]

        async def have_begun() -> bool:
            return all(await all_done())

        await wait_until(have_begun, "all operations have begun")
        assert first.process is not None
        first.process.kill()
        before, killed_at = await all_done(), time.monotonic()

        async def go_on() -> bool:
            return all(now > then for now, then in zip(await all_done(), before, strict=True))

        await wait_until(go_on, "all operations go on", 15)
        now, seconds = await all_done(), time.monotonic() - killed_at

    for done, then, rate in zip(now, before, rates.values(), strict=True):
        # One step more than the time allows, whose page is changed at once.
        assert done - then <= rate * (seconds + 2)


async def test_a_limit_holds_no_operation(two_apis: list[Api], queue: TaskQueue) -> None:
    """With two processes too, a replay that waits for room tells how far it is, and goes on."""
    await _a_backlog(queue, lane_in("shop", "destination.test:80"), dead=True)
    project = "/api/v1/projects/shop"
    async with httpx.AsyncClient(base_url=two_apis[0].url, headers={"X-Project": "shop"}) as client:
        limited = await client.put(project, json={"limits": {"waiting": 1}})
        assert limited.status_code == 200, limited.text
        begun = await _begin(client, "replay")

        async def waits() -> bool:
            now = await _get(client, f"{OPERATIONS}/{begun['id']}")
            return (now["matched"], now["done"]) == (1, 1)

        await wait_until(waits, "the first task is replayed, and told")
        await client.put(project, json={"limits": {"waiting": None}})
        ended = await _finish(client, begun)

    assert (ended["state"], ended["done"], ended["failed"]) == ("done", MANY, 0)
