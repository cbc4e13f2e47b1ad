"""The routes of keys in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, problem_response, query_parameter, schema_of

__all__ = ["CREATE", "CURSOR", "GET", "LIST", "REVOKE"]

CURSOR = "^[0-9]{1,15}-[a-z0-9]{12}$"
_KEY_ID = {"name": "key_id", "in": "path", "required": True, "schema": {"type": "string"}}
_UNKNOWN = problem_response("No key has this id.")
_NOT_ADMIN = problem_response("The key lacks the scope admin, or a page of another site sent it.")
_EXAMPLES = {
    "sender": {
        "summary": "A key that may send tasks of one project to some hosts, for a year",
        "value": {
            "name": "shop", "project": "billing", "scopes": ["enqueue"],
            "allowed_hosts": ["hooks.example.com", "*.example.com"],
        },
    },
    "operator": {
        "summary": "A key for people who look after a project",
        "value": {"name": "on call", "project": "billing", "scopes": ["manage"]},
    },
}  # fmt: skip

CREATE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schema_of("KeyCreate"), "examples": _EXAMPLES}},
    },
    "responses": {
        "201": json_response("The key; this is the only time it is told.", schema_of("KeyCreated")),
        "400": problem_response("The body is not JSON."),
        "403": _NOT_ADMIN,
        "413": problem_response("The body is over 1 MiB."),
        "415": problem_response("The body is not application/json."),
        "422": problem_response("Fields are wrong; all of them are named."),
        "429": problem_response("There are 10,000 keys."),
        "503": UNAVAILABLE,
    },
}
LIST: dict[str, Any] = {
    "parameters": [
        query_parameter("project", "Keys of this project alone."),
        query_parameter("limit", "At most so many.", type="integer", minimum=1, maximum=1000),
        query_parameter("cursor", "Where the last page ended.", pattern=CURSOR),
    ],
    "responses": {
        "200": json_response("Keys, the newest first.", schema_of("KeyPage")),
        "422": problem_response("A parameter is wrong."),
        "503": UNAVAILABLE,
    },
}
GET: dict[str, Any] = {
    "parameters": [_KEY_ID],
    "responses": {
        "200": json_response("The key, without its secret.", schema_of("Key")),
        "404": _UNKNOWN,
        "503": UNAVAILABLE,
    },
}
REVOKE: dict[str, Any] = {
    "parameters": [_KEY_ID],
    "responses": {
        "204": {"description": "It is refused from now on."},
        "403": _NOT_ADMIN,
        "404": _UNKNOWN,
        "503": UNAVAILABLE,
    },
}
