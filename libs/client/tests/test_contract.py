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

NOT_LANDED = {
    ("GET", "/api/v1/audit"),
    ("GET", "/api/v1/dead-letters/groups"),
    ("DELETE", "/api/v1/dead-letters/{}"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/keys"),
    ("POST", "/api/v1/keys"),
    ("DELETE", "/api/v1/keys/{}"),
    ("GET", "/api/v1/keys/{}"),
    ("GET", "/api/v1/lanes"),
    ("GET", "/api/v1/lanes/{}"),
    ("PUT", "/api/v1/lanes/{}"),
    ("POST", "/api/v1/lanes/{}/pause"),
    ("POST", "/api/v1/lanes/{}/purge"),
    ("POST", "/api/v1/lanes/{}/resume"),
    ("POST", "/api/v1/listeners"),
    ("DELETE", "/api/v1/listeners/{}"),
    ("GET", "/api/v1/listeners/{}/next"),
    ("POST", "/api/v1/listeners/{}/results"),
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/operations"),
    ("POST", "/api/v1/operations"),
    ("DELETE", "/api/v1/operations/{}"),
    ("GET", "/api/v1/operations/{}"),
    ("GET", "/api/v1/projects"),
    ("DELETE", "/api/v1/projects/{}"),
    ("GET", "/api/v1/projects/{}"),
    ("PUT", "/api/v1/projects/{}"),
    ("GET", "/api/v1/projects/{}/signing-secrets"),
    ("POST", "/api/v1/projects/{}/signing-secrets"),
    ("DELETE", "/api/v1/projects/{}/signing-secrets/{}"),
    ("POST", "/api/v1/retry-preview"),
    ("GET", "/api/v1/stats"),
    ("GET", "/api/v1/tasks"),
    ("POST", "/api/v1/tasks/batch"),
    ("DELETE", "/api/v1/tasks/{}"),
    ("GET", "/api/v1/tasks/{}/attempts"),
    ("POST", "/api/v1/tasks/{}/replay"),
    ("POST", "/api/v1/tasks/{}/run"),
    ("GET", "/api/v1/workers"),
}
"""Methods of the client without an endpoint yet; must become empty."""


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
    """No method of the client calls what the API does not have, but for those listed."""
    assert operations_of_client() - operations_of(document) <= NOT_LANDED
