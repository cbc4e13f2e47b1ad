"""The client has what the API's OpenAPI document has."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from queue_client import QueueClient
from queue_client.batch import PATH as BATCH
from queue_client.call import Endpoint, Events
from queue_testing.system import System


def operations_of_client() -> set[tuple[str, str]]:
    """Return verb and path of each method, the names in the path left out."""
    found = {("POST", BATCH)}
    for name in dir(QueueClient):
        value = getattr(QueueClient, name)
        endpoint = value.endpoint if isinstance(value, Events) else value
        if isinstance(endpoint, Endpoint):
            found.add((endpoint.method, re.sub(r"{\w+}", "{}", endpoint.path)))
    return found


@pytest.fixture
def document(system: System) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{system.url}/openapi.json").json()
    return document


def operations_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (verb.upper(), re.sub(r"{\w+}", "{}", path))
        for path, verbs in document["paths"].items()
        for verb in verbs
        if verb in {"get", "post", "put", "delete", "patch"}
    }


def test_each_endpoint_has_a_method(document: dict[str, Any]) -> None:
    """No operation of the API is without a method of the client."""
    assert operations_of(document) - operations_of_client() == set()


def test_each_method_has_an_endpoint(document: dict[str, Any]) -> None:
    """No method of the client calls what the API does not have."""
    assert operations_of_client() - operations_of(document) == set()
