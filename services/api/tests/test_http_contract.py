from __future__ import annotations

import gzip
from uuid import UUID

import httpx
import pytest

from queue_api.tasks.manage.schemas import TaskStatus

from .conftest import Api

TASKS = "/api/v1/tasks"
TASK = {"url": "http://localhost:9/x?token=secret", "headers": {"Authorization": "s3cret"}}


async def test_a_created_task_can_be_looked_up(client: httpx.AsyncClient) -> None:
    """A POST gets a 201 with the task's keys and its Location."""
    created = await client.post(TASKS, json=TASK)
    found = await client.get(created.headers["location"])

    assert created.status_code == 201
    task_id = created.json()["task_id"]
    assert created.json() == {
        "task_id": task_id,
        "message": "Task created successfully",
        "trace_id": found.json()["trace_id"],
    }
    assert created.headers["location"] == f"{TASKS}/{task_id}"
    assert UUID(task_id).version == 7
    assert set(found.json()) == set(TaskStatus.__struct_fields__) - {"trace_url", "request_error"}
    assert (found.json()["state"], found.json()["attempts"]) == ("queued", 0)


async def test_a_look_up_shows_no_secret(client: httpx.AsyncClient) -> None:
    """Body and query string stand in ``request`` alone, and a secret header's value nowhere."""
    created = await client.post(TASKS, json={**TASK, "body": "the body"})
    found = await client.get(created.headers["location"])
    request = found.json().pop("request")
    shown = str({name: value for name, value in found.json().items() if name != "request"})

    assert request["headers"]["Authorization"] == "[redacted]"
    assert "s3cret" not in found.text
    assert "token=secret" not in shown
    assert "the body" not in shown


async def test_ids_sort_by_time(client: httpx.AsyncClient) -> None:
    """The ids of tasks created one after the other are in order."""
    ids = [(await client.post(TASKS, json=TASK)).json()["task_id"] for _ in range(5)]

    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", f"{TASKS}/01a20d94-4598-77ff-aa01-ede0158d74bc", {}, 404),
        ("GET", f"{TASKS}/no-uuid", {}, 404),
        ("GET", "/nowhere", {}, 404),
        ("GET", f"{TASKS}/", {}, 404),
        ("PUT", TASKS, {}, 405),
        ("POST", TASKS, {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ("POST", TASKS, {"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", TASKS, {"json": {"url": 1}}, 422),
        ("POST", TASKS, {"json": {"url": "http://x", "body": "x" * (1 << 20)}}, 413),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_failures_are_problem_documents(
    client: httpx.AsyncClient, method: str, path: str, options: dict[str, object], status: int
) -> None:
    """Each failure has its status and a problem document that repeats it."""
    response = await client.request(method, path, **options)  # type: ignore[arg-type]

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert {"type", "title", "detail"} <= set(response.json())


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(TASKS, {"GET", "HEAD", "POST"}), (f"{TASKS}/x", {"DELETE", "GET", "HEAD"}),
     ("/health", {"GET", "HEAD"}),
     ("/ready", {"GET", "HEAD"}), ("/version", {"GET", "HEAD"}), ("/docs", {"GET", "HEAD"}),
     ("/openapi.json", {"GET", "HEAD"})],
)  # fmt: skip
async def test_405_tells_the_allowed_methods(
    client: httpx.AsyncClient, path: str, allowed: set[str]
) -> None:
    """The response to an unsupported method names the supported ones, and those work."""
    refused = await client.patch(path)

    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == allowed
    for method in allowed:
        assert (await client.request(method, path)).status_code != 405


async def test_every_mistake_of_a_task_is_named(client: httpx.AsyncClient) -> None:
    """A 422 names each field that is wrong, with its reason, in one response."""
    response = await client.post(
        TASKS, json={"url": "ftp://x", "method": 5, "headers": {"Host": "x"}, "hedaers": {}}
    )

    assert [error["field"] for error in response.json()["errors"]] == [
        "url", "method", "headers.Host", "hedaers",
    ]  # fmt: skip
    assert all(error["reason"] for error in response.json()["errors"])


async def test_a_coded_body_is_415(client: httpx.AsyncClient) -> None:
    """A compressed body is refused by its Content-Encoding, not for what it looks like."""
    response = await client.post(
        TASKS, content=gzip.compress(b"{}"),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )  # fmt: skip

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"


async def test_ids_are_found_however_they_are_spelled(client: httpx.AsyncClient) -> None:
    """A UUID in upper case names the same task."""
    created = (await client.post(TASKS, json=TASK)).json()["task_id"]

    assert (await client.get(f"{TASKS}/{created.upper()}")).json()["id"] == created


async def test_the_examples_of_the_document_work(client: httpx.AsyncClient) -> None:
    """Every example of a task in the OpenAPI document is accepted when it is sent."""
    document = (await client.get("/openapi.json")).json()
    content = document["paths"][TASKS]["post"]["requestBody"]["content"]["application/json"]
    fields = document["components"]["schemas"]["TaskCreate"]["properties"]
    examples = [example["value"] for example in content["examples"].values()]
    url = fields["url"]["examples"][0]
    # The example of an id is the id of a task that other tests have created.
    examples += [
        {"url": url, name: value} for name in fields if name != "task_id"
        for value in fields[name].get("examples", ())
    ]  # fmt: skip

    assert len(examples) > 5
    for example in examples:
        assert (await client.post(TASKS, json=example)).status_code == 201, example


async def test_patterns_of_the_document_are_for_every_reader(client: httpx.AsyncClient) -> None:
    """No pattern of the document uses what browsers' regular expressions do not know."""
    text = (await client.get("/openapi.json")).text

    assert "(?i" not in text
    assert "\\Z" not in text


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/problem+json"],
)
async def test_json_media_types_are_taken(client: httpx.AsyncClient, content_type: str) -> None:
    """JSON is taken under its own name and its relatives'."""
    headers = {"content-type": content_type}
    response = await client.post(TASKS, content=b'{"url":"http://x/"}', headers=headers)

    assert response.status_code == 201


async def test_a_body_without_a_type_is_415(client: httpx.AsyncClient) -> None:
    """A body is JSON only if it says so: a browser sends one that does not for any site."""
    response = await client.post(TASKS, content=b'{"url":"http://x/"}')

    assert response.status_code == 415
    assert response.json()["detail"] == "Content-Type is missing; send application/json"
    assert response.headers["accept"] == "application/json"


async def test_probes(client: httpx.AsyncClient) -> None:
    """/health, /ready and /version respond, to GET and to HEAD, and /docs is there."""
    for path in ("/health", "/ready", "/version"):
        assert (await client.get(path)).status_code == 200
        assert (await client.head(path)).status_code == 200
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/version")).json() == {"version": "0.1.0"}
    assert (await client.get("/ready")).json()["durability"] == "none"


async def test_a_client_that_has_closed_its_half_gets_its_response(api: Api) -> None:
    """A client may close its half of the connection and still get the response."""
    async with api.connection() as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        response = await reader.read()

    assert response.startswith(b"HTTP/1.1 200")
    assert response.endswith(b'{"status":"ok"}')
