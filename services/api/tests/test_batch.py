"""Many tasks in one request: each is answered, in order, and a bad one fails alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from uuid import uuid4

import httpx
import pytest

from queue_testing import RedisServer

from .conftest import Api

BATCH = "/api/v1/tasks/batch"
URL = "http://localhost:9/x"
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines_of(tasks: Iterable[object]) -> bytes:
    return b"".join(json.dumps(task).encode() + b"\n" for task in tasks)


async def send_lines(client: httpx.AsyncClient, content: bytes) -> list[dict[str, object]]:
    response = await client.post(BATCH, content=content, headers=NDJSON)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def test_each_line_is_a_task(client: httpx.AsyncClient) -> None:
    """Tasks of an NDJSON body are stored and answered in their order."""
    answers = await send_lines(client, lines_of({"url": f"{URL}{i}"} for i in range(450)))

    assert [answer["index"] for answer in answers] == list(range(450))
    assert {answer["status"] for answer in answers} == {201}
    for i in (0, 199, 200, 449):
        found = await client.get(f"/api/v1/tasks/{answers[i]['task_id']}")
        assert found.json()["url"] == f"{URL}{i}"
        assert found.json()["trace_id"] == answers[i]["trace_id"]


async def test_each_element_of_an_array_is_a_task(client: httpx.AsyncClient) -> None:
    """A JSON array is answered by an array."""
    response = await client.post(BATCH, json=[{"url": URL}, {"url": URL, "delay": "1h"}])

    assert response.status_code == 200
    assert [answer["status"] for answer in response.json()] == [201, 201]
    second = await client.get(f"/api/v1/tasks/{response.json()[1]['task_id']}")
    assert second.json()["state"] == "scheduled"


async def test_a_bad_one_fails_alone(client: httpx.AsyncClient) -> None:
    """What is no task, or not JSON, has a problem in its line; the others are stored."""
    content = b"\n".join(
        [b'{"url": "%s"}' % URL.encode(), b'{"url": 5, "x": 1}', b"", b"{nonsense", b"  ",
         b'{"url": "http://169.254.169.254/"}', b'{"url": "%s"}' % URL.encode()]
    )  # fmt: skip

    answers = await send_lines(client, content)

    assert [answer["index"] for answer in answers] == list(range(5))
    assert [answer["status"] for answer in answers] == [201, 422, 400, 422, 201]
    kinds = [answer["problem"]["type"].rpartition(":")[2] for answer in answers[1:4]]  # type: ignore[index]
    assert kinds == ["invalid-task", "malformed-json", "egress-refused"]


async def test_repetitions_are_told(client: httpx.AsyncClient) -> None:
    """The same request under one key is one task, within a batch and in the next."""
    task = {"url": URL, "idempotency_key": str(uuid4())}
    other = {**task, "method": "PUT"}

    first = await send_lines(client, lines_of([task, task, other]))
    again = await send_lines(client, lines_of([task]))

    assert [answer["status"] for answer in first + again] == [201, 200, 422, 200]
    assert len({answer["task_id"] for answer in (first[0], first[1], again[0])}) == 1
    assert len({answer["trace_id"] for answer in (first[0], first[1], again[0])}) == 1


async def test_a_given_id_that_is_taken_conflicts(client: httpx.AsyncClient) -> None:
    """An id is one task's: the same again is 200, another 409."""
    task = {"url": URL, "task_id": str(uuid4())}

    answers = await send_lines(client, lines_of([task, task, {**task, "method": "PUT"}]))

    assert [answer["status"] for answer in answers] == [201, 200, 409]
    assert answers[0]["trace_id"] == answers[1]["trace_id"]


@pytest.mark.parametrize("by_lines", [True, False], ids=["NDJSON", "an array"])
async def test_a_batch_that_is_sent_again_under_its_key_makes_no_second_task(
    by_lines: bool, client: httpx.AsyncClient
) -> None:
    """The header's key and a task's index are the key of each that has none of its own."""
    key, own = str(uuid4()), str(uuid4())
    tasks = [{"url": URL}, {"url": URL}, {"url": URL, "idempotency_key": own}]
    content = lines_of(tasks) if by_lines else json.dumps(tasks).encode()
    headers = {**(NDJSON if by_lines else {"Content-Type": "application/json"}),
               "Idempotency-Key": key}  # fmt: skip
    answers = []
    for _ in range(2):
        response = await client.post(BATCH, content=content, headers=headers)
        text = response.text if not by_lines else f"[{','.join(response.text.splitlines())}]"
        answers.append(json.loads(text))

    assert [[line["status"] for line in lines] for lines in answers] == [[201] * 3, [200] * 3]
    assert len({line["task_id"] for line in answers[0]}) == 3
    for name in ("task_id", "trace_id"):
        assert [line[name] for line in answers[0]] == [line[name] for line in answers[1]]
    found = [await client.get(f"/api/v1/tasks/{line['task_id']}") for line in answers[0]]
    keys = [task.json()["idempotency_key"] for task in found]
    assert keys == [f"{key}:0", f"{key}:1", own]


@pytest.mark.parametrize("key", ["k" * 251, ""])
async def test_a_key_unfit_for_a_batch_is_refused(key: str, client: httpx.AsyncClient) -> None:
    """A key from which no task's can be made is 422, and nothing is stored."""
    headers = {"Idempotency-Key": key}
    response = await client.post(BATCH, json=[{"url": URL}], headers=headers)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]


async def test_lines_may_come_in_pieces(client: httpx.AsyncClient) -> None:
    """A body that comes slowly, cut anywhere, is read as it is meant."""
    content = lines_of({"url": f"{URL}{i}"} for i in range(5)).rstrip()

    async def pieces() -> AsyncIterator[bytes]:
        for i in range(0, len(content), 7):
            yield content[i : i + 7]
            await asyncio.sleep(0)

    response = await client.post(BATCH, content=pieces(), headers=NDJSON)

    assert [json.loads(line)["status"] for line in response.text.splitlines()] == [201] * 5


async def test_a_line_that_is_too_long_fails_alone(client: httpx.AsyncClient) -> None:
    """A task over API_MAX_BODY is 413 by itself."""
    large = {"url": URL, "body": "x" * (1 << 20)}

    answers = await send_lines(client, lines_of([{"url": URL}, large, {"url": URL}]))
    array = await client.post(BATCH, json=[large, {"url": URL}])

    assert [answer["status"] for answer in answers] == [201, 413, 201]
    assert [answer["status"] for answer in array.json()] == [413, 201]


async def test_no_more_than_ten_thousand(client: httpx.AsyncClient) -> None:
    """Behind the last task that is allowed, the answer says that the rest was not read."""
    tasks = [{"url": URL}] * 10_001

    answers = await send_lines(client, lines_of(tasks))
    array = await client.post(BATCH, json=tasks)

    assert [answer["status"] for answer in answers] == [201] * 10_000 + [422]
    assert answers[-1]["problem"]["type"].endswith("batch-too-large")  # type: ignore[index]
    assert "this one and all behind it were not read" in answers[-1]["problem"]["detail"]  # type: ignore[index]
    assert array.status_code == 422
    assert "None of these is stored" in array.json()["detail"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 422),
        (b"[1,", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "text/plain"}, 415),
        (b"[]", {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_what_is_no_batch_is_refused(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    """A body of another form is refused as a whole."""
    response = await client.post(BATCH, content=content, headers=headers)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_another_media_type_is_told_of_both(client: httpx.AsyncClient) -> None:
    """Who sends text learns that a batch is JSON or lines of it."""
    refused = await client.post(BATCH, content=b"[]", headers={"Content-Type": "text/plain"})

    assert "send application/json or application/x-ndjson" in refused.json()["detail"]
    assert refused.headers["accept"] == "application/json, application/x-ndjson"


async def test_an_empty_batch_is_answered_by_nothing(client: httpx.AsyncClient) -> None:
    """No tasks, no lines."""
    array = await client.post(BATCH, json=[])

    assert await send_lines(client, b"") == []
    assert array.json() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_batch_is_posted(client: httpx.AsyncClient, method: str) -> None:
    """Another method is 405: the path is not that of a task named batch."""
    response = await client.request(method, BATCH)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_while_redis_hangs_a_batch_ends_as_soon_as_a_task(
    api_at: Api, start_server: Callable[..., RedisServer]
) -> None:
    """A batch waits for a silent Redis once, not with each part; what is wrong in it stays 422."""
    server = start_server()
    await api_at.start_on(server)
    tasks: list[object] = [{"url": URL}] * 3000
    async with httpx.AsyncClient(base_url=api_at.url, timeout=60) as client:
        server.pause()
        began = time.monotonic()
        answers = await send_lines(client, lines_of([*tasks, {"url": "x"}]))
        seconds = time.monotonic() - began
        server.resume()
        later = await send_lines(client, lines_of(tasks[:2]))

    assert [answer["status"] for answer in answers] == [503] * 3000 + [422]
    assert all(answer["retry_after"] for answer in answers[:3000])
    assert seconds < 15
    assert [answer["status"] for answer in later] == [201, 201]
