"""What the OpenAPI document says of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queue_common.queue import STATES_OF

from ..openapi import UNAVAILABLE, json_response, problem_response, schema_of
from ..tasks.manage.openapi import CURSOR, LIMIT, REFUSED, idempotency_key

if TYPE_CHECKING:
    from queue_common.queue import Action

__all__ = ["CREATE", "GET", "LIST", "PATH", "STOP", "of_actions"]

PATH = "/api/v1/operations"
_ID = {
    "name": "operation_id", "in": "path", "required": True,
    "schema": {"type": "string", "format": "uuid"},
}  # fmt: skip
_STATUS = schema_of("OperationStatus")
_NULL = {"type": "null"}
_UNKNOWN = problem_response("No operation of the project has this id.")
_EXAMPLES = {
    "replay": {
        "summary": "Replay what died of a status, 50 a second",
        "value": {
            "action": "replay",
            "filter": {"state": "dead", "lane": "hooks.example.com:443", "status_code": 503},
            "rate": 50,
        },
    },
    "cancel": {
        "summary": "See how many tasks of a customer would be cancelled",
        "value": {"action": "cancel", "filter": {"label": ["customer:acme"]}, "dry_run": True},
    },
}
CREATE: dict[str, Any] = {
    "parameters": [idempotency_key("Calls with the same key begin one operation.")],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_of("OperationCreate"), "examples": _EXAMPLES}
        },
    },
    "responses": {
        "202": json_response(
            "It has begun.",
            _STATUS,
            headers={"Location": {"description": "Where to look.", "schema": {"type": "string"}}},
        ),
        "400": problem_response("The body is not JSON."),
        "413": problem_response("The body is over 1 MiB."),
        "415": problem_response("The body is not application/json."),
        "422": REFUSED,
        "429": problem_response("1,000 operations go on already."),
        "503": UNAVAILABLE,
    },
}
LIST: dict[str, Any] = {
    "parameters": [CURSOR, LIMIT],
    "responses": {
        "200": json_response("A page of operations.", schema_of("OperationList")),
        "422": REFUSED,
        "503": UNAVAILABLE,
    },
}
GET: dict[str, Any] = {
    "parameters": [_ID],
    "responses": {
        "200": json_response("The operation.", _STATUS), "404": _UNKNOWN, "503": UNAVAILABLE,
    },
}  # fmt: skip
STOP = GET


def of_actions(schema: dict[str, Any], filters: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an operation as one of its actions, each with the states it is for."""
    described = {name: schema[name] for name in ("title", "description")}
    return {**described, "oneOf": [_of_action(schema, filters, action) for action in STATES_OF]}


def _of_action(schema: dict[str, Any], filters: dict[str, Any], action: Action) -> dict[str, Any]:
    state = {**filters["properties"]["state"], "anyOf": [{"enum": [*STATES_OF[action]]}, _NULL]}
    wanted = {**filters, "properties": {**filters["properties"], "state": state}}
    properties = {**schema["properties"], "action": {"enum": [action]}, "filter": wanted}
    return {
        "title": action,
        **{name: schema[name] for name in ("type", "required", "additionalProperties")},
        "properties": properties,
    }
