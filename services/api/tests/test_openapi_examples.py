"""The examples of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs


def _responses(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                for media in response.get("content", {}).values():
                    yield f"{method} {path} {status}", media


def _examples(media: dict[str, Any]) -> list[Any]:
    """Return the one example, or those with names."""
    if "example" in media:
        return [media["example"]]
    return [example["value"] for example in media.get("examples", {}).values()]


async def test_each_response_has_an_example_of_its_schema(client: httpx.AsyncClient) -> None:
    """Whoever reads the document sees for each response what it looks like."""
    document = (await client.get("/openapi.json")).json()
    responses = list(_responses(document))

    assert len(responses) > 150
    for name, media in responses:
        assert _examples(media), name
        schema = {**media["schema"], "components": document["components"]}
        for example in _examples(media):
            errors = [str(error) for error in jsonschema_rs.iter_errors(schema, example)]
            assert not errors, (name, errors)


async def test_examples_of_responses_add_nothing(client: httpx.AsyncClient) -> None:
    """An example has no field that its object does not have."""
    document = (await client.get("/openapi.json")).json()
    for name, media in _responses(document):
        schema = media["schema"].get("$ref", "").rpartition("/")[2]
        if schema and schema != "Problem":
            fields = document["components"]["schemas"][schema]["properties"]
            assert media["example"].keys() <= fields.keys(), name


async def test_what_a_task_is_refused_for_is_shown(client: httpx.AsyncClient) -> None:
    """Each kind of problem that a new task may meet has an example of its status."""
    document = (await client.get("/openapi.json")).json()
    responses = document["paths"]["/api/v1/tasks"]["post"]["responses"]
    kinds = {
        status: [
            example["type"].rpartition(":")[2]
            for media in responses[status]["content"].values()
            for example in _examples(media)
            if str(example["status"]) == status
        ]
        for status in ("403", "422", "429")
    }

    assert kinds == {
        "403": ["forbidden", "cross-site"],
        "422": ["invalid-task", "idempotency-conflict", "egress-refused"],
        "429": ["limit-exceeded", "backlog-full"],
    }


async def test_a_batch_may_be_lines(client: httpx.AsyncClient) -> None:
    """The example of a batch of lines in the document gets an answer of the documented form."""
    document = (await client.get("/openapi.json")).json()
    batch = document["paths"]["/api/v1/tasks/batch"]["post"]
    media_type = "application/x-ndjson"

    answer = await client.post(
        "/api/v1/tasks/batch", headers={"Content-Type": media_type},
        content=batch["requestBody"]["content"][media_type]["example"],
    )  # fmt: skip

    assert answer.headers["content-type"] in batch["responses"]["200"]["content"]
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == [201, 201]


async def test_each_duration_tells_its_limit(client: httpx.AsyncClient) -> None:
    """The description of a duration says what it is, how long it may be and its units."""
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    exponential = schemas["RetryCreate"]["anyOf"][2]["properties"]
    texts = [schemas["TaskCreate"]["properties"]["delay"]["description"]]
    texts += [exponential[name]["description"] for name in ("interval", "max_interval", "deadline")]

    assert all("at most 30 days" in text and "ms, s, m, h and d" in text for text in texts)
    assert len(set(texts)) == 4
