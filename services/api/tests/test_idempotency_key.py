"""A request that is sent again under its name, over HTTP."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest

TASKS = "/api/v1/tasks"
TASK = {"url": "http://localhost:9/x"}


@pytest.mark.parametrize("where", ["header", "field"])
async def test_the_same_request_gets_its_task(client: httpx.AsyncClient, where: str) -> None:
    """A repetition is 200 with the first task's id and trace, and says that it is one."""
    key = str(uuid4())
    body = TASK | ({"idempotency_key": key} if where == "field" else {})
    headers = {"Idempotency-Key": key} if where == "header" else {}

    first = await client.post(TASKS, json=body, headers=headers)
    again = await client.post(TASKS, json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"message": "Task exists already"}
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


async def test_header_and_field_name_the_same(client: httpx.AsyncClient) -> None:
    """It does not matter where the name stands."""
    key = str(uuid4())

    first = await client.post(TASKS, json=TASK, headers={"Idempotency-Key": key})
    again = await client.post(TASKS, json=TASK | {"idempotency_key": key})

    assert again.json()["task_id"] == first.json()["task_id"]


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/batch", "/api/v1/operations"])
@pytest.mark.parametrize(
    "keys", [["clé-1".encode()], [b"aa1", b"bb1"], [b"aa1", b"aa1"], [b"a b"], [b""], [b"k" * 256]]
)
async def test_a_header_is_one_key_of_ascii(
    client: httpx.AsyncClient, path: str, keys: list[bytes]
) -> None:
    """A header that clients encode differently, or that comes twice, is 422 on every call."""
    body = {TASKS: TASK, f"{TASKS}/batch": [TASK]}.get(path, {"action": "run", "filter": {}})

    refused = await client.post(path, json=body, headers=[(b"Idempotency-Key", k) for k in keys])

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["Idempotency-Key"]


async def test_a_field_may_have_any_characters(client: httpx.AsyncClient) -> None:
    """In the body the encoding is known, so a key there may have all characters."""
    body = TASK | {"idempotency_key": f"clé {uuid4()}"}

    statuses = [(await client.post(TASKS, json=body)).status_code for _ in range(2)]

    assert statuses == [201, 200]


async def test_another_request_under_the_name_is_422(client: httpx.AsyncClient) -> None:
    """Other content under a name that is taken is refused, and makes no task."""
    headers = {"Idempotency-Key": str(uuid4())}
    await client.post(TASKS, json=TASK, headers=headers)

    other = await client.post(TASKS, json=TASK | {"method": "PUT"}, headers=headers)

    assert other.status_code == 422
    assert other.json()["type"] == "urn:queue-system:problem:idempotency-conflict"


SAME_CONTENT: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"headers": {"a": "1", "b": "2"}}, {"headers": {"b": "2", "a": "1"}}),
    (
        {"body": {}, "headers": {"X": "1"}},
        {"body": {}, "headers": {"X": "1", "Content-Type": "application/json"}},
    ),
    ({"labels": {"a": "1", "b": "2"}}, {"labels": {"b": "2", "a": "1"}}),
    (
        {"callback": {"url": "http://a.test/"}},
        {"callback": {"url": "http://a.test/", "on": ["dead", "delivered"], "headers": {}}},
    ),
    ({"success": ["2xx", 404]}, {"success": [404, "2xx", 404]}),
    ({"retry": {"on": ["5xx", "timeout", 429]}}, {"retry": {"on": [429, "5xx", "timeout"]}}),
    (
        {},
        {
            "method": "post", "headers": {}, "lane": "localhost:9", "labels": {}, "delay": "0s",
            "retry": {"strategy": "constant"}, "success": ["2xx"],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("name", ["idempotency_key", "task_id"])
@pytest.mark.parametrize(("first", "second"), SAME_CONTENT)
async def test_the_same_content_may_be_written_differently(
    client: httpx.AsyncClient, name: str, first: dict[str, object], second: dict[str, object]
) -> None:
    """Neither an order that says nothing nor a default that is spelled out is other content."""
    once = {name: str(uuid4())}

    made = await client.post(TASKS, json=TASK | once | first)
    again = await client.post(TASKS, json=TASK | once | second)

    assert (made.status_code, again.status_code) == (201, 200), again.text


OTHER_CONTENT: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"headers": {"a": "1"}}, {"headers": {"a": "2"}}),
    ({}, {"labels": {"a": "1"}}),
    ({}, {"retry": {"deadline": "1h"}}),
    ({}, {"success": [404]}),
    ({"retry": {"on": []}}, {}),
]


@pytest.mark.parametrize(("first", "second"), OTHER_CONTENT)
async def test_other_options_are_other_content(
    client: httpx.AsyncClient, first: dict[str, object], second: dict[str, object]
) -> None:
    """What changes the request or its options is refused under the name of the first."""
    once = {"idempotency_key": str(uuid4())}

    made = await client.post(TASKS, json=TASK | once | first)
    other = await client.post(TASKS, json=TASK | once | second)

    assert (made.status_code, other.status_code) == (201, 422), other.text


async def test_requests_at_once_make_one_task(client: httpx.AsyncClient) -> None:
    """Of many repetitions at the same time one makes the task."""
    body = TASK | {"idempotency_key": str(uuid4())}

    responses = await asyncio.gather(*(client.post(TASKS, json=body) for _ in range(20)))

    assert sorted(response.status_code for response in responses) == [200] * 19 + [201]
    assert len({response.json()["task_id"] for response in responses}) == 1


async def test_a_task_may_be_given_its_id(client: httpx.AsyncClient) -> None:
    """The same task under the same id is 200, another one 409."""
    body = TASK | {"task_id": str(uuid4())}

    first = await client.post(TASKS, json=body)
    again = await client.post(TASKS, json=body)
    other = await client.post(TASKS, json=body | {"method": "PUT"})

    assert first.json()["task_id"] == body["task_id"]
    assert [r.status_code for r in (first, again, other)] == [201, 200, 409]
    assert again.json() == first.json() | {"message": "Task exists already"}


async def test_a_task_of_later_is_scheduled(client: httpx.AsyncClient) -> None:
    """A task with a delay waits for its time, in the lane that it names."""
    created = await client.post(TASKS, json=TASK | {"delay": "1d", "lane": "later"})

    status = (await client.get(created.headers["location"])).json()
    assert (status["state"], status["lane"]) == ("scheduled", "later")
    assert status["next_attempt_at"] > status["created_at"]
    assert status["deadline_at"] > status["next_attempt_at"]
