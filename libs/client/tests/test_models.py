"""The client's models have the fields that the API's OpenAPI document has."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from queue_client import models
from queue_testing.system import System

SCHEMAS = {
    "TaskCreate": models.NewTask,
    "TaskCreated": models.TaskCreated,
    "TaskStatus": models.TaskStatus,
    "TaskList": models.TaskPage,
    "AttemptStatus": models.AttemptStatus,
    "AttemptDetails": models.Attempt,
    "AttemptList": models.AttemptList,
    "AttemptPhases": models.Phases,
    "Replayed": models.Replayed,
    "OperationStatus": models.Operation,
    "OperationList": models.OperationPage,
    "DeadLetterGroups": models.DeadLetterGroupPage,
    "Stats": models.Stats,
    "Key": models.Key,
    "KeyCreated": models.NewKey,
    "KeyPage": models.KeyPage,
    "Me": models.Me,
    "Listener": models.Listener,
    "Delivery": models.Delivery,
    "ListenerResult": models.ListenerResult,
    "Problem": models.Problem,
}
"""Schemas of the document, and the models that read or write them."""


@pytest.fixture
def schemas(system: System) -> dict[str, Any]:
    document = httpx.get(f"{system.url}/openapi.json").json()
    found: dict[str, Any] = document["components"]["schemas"]
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_model_has_the_fields_of_its_schema(schemas: dict[str, Any], name: str) -> None:
    """No field of the API is missing in the model, and the model has none of its own."""
    model: Any = SCHEMAS[name]
    fields = {field.encode_name for field in msgspec.structs.fields(model)}

    assert fields == set(schemas[name]["properties"])
