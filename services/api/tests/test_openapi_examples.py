"""The examples of the OpenAPI document."""

from __future__ import annotations

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


async def test_each_response_has_an_example_of_its_schema(client: httpx.AsyncClient) -> None:
    """Whoever reads the document sees for each response what it looks like."""
    document = (await client.get("/openapi.json")).json()
    responses = list(_responses(document))

    assert len(responses) > 150
    for name, media in responses:
        assert "example" in media, name
        schema = {**media["schema"], "components": document["components"]}
        errors = [str(error) for error in jsonschema_rs.iter_errors(schema, media["example"])]
        assert not errors, (name, errors)


async def test_examples_of_responses_add_nothing(client: httpx.AsyncClient) -> None:
    """An example has no field that its object does not have."""
    document = (await client.get("/openapi.json")).json()
    for name, media in _responses(document):
        schema = media["schema"].get("$ref", "").rpartition("/")[2]
        if schema and schema != "Problem":
            fields = document["components"]["schemas"][schema]["properties"]
            assert media["example"].keys() <= fields.keys(), name
