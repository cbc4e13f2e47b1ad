"""What the OpenAPI document says of listeners."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, problem_response, schema_of
from ..tasks.manage.openapi import REFUSED, parameter

__all__ = ["CREATE", "DELETE", "NEXT", "PATH", "RESULT"]

PATH = "/api/v1/listeners"
_ID = {
    "name": "listener_id", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "example": "6f1c2a9de0b84573a1f0c4d2e9b75a11",
}  # fmt: skip
_GONE = problem_response("The listener is gone: 30 s without a call, deleted, or replaced.")
_NOT_JSON = problem_response("The body is not JSON.")


def _body(schema: str, example: dict[str, Any]) -> dict[str, Any]:
    media = {"schema": schema_of(schema), "example": example}
    return {"required": True, "content": {"application/json": media}}


CREATE: dict[str, Any] = {
    "requestBody": _body("ListenerCreate", {"lane": "hooks.example.com:443"}),
    "responses": {
        "201": json_response("The listener.", schema_of("Listener")),
        "400": _NOT_JSON,
        "413": problem_response("The body is too large."),
        "415": problem_response("The body is not application/json."),
        "422": REFUSED,
        "429": problem_response("There are too many listeners."),
        "503": UNAVAILABLE,
    },
}
NEXT: dict[str, Any] = {
    "parameters": [
        _ID,
        parameter("wait", "How long to wait for a delivery, at most 25s.",
                  {"type": "string", "pattern": "^[0-9]{1,2}s$", "default": "20s"}, example="0s"),
    ],
    "responses": {
        "200": json_response("A delivery.", schema_of("Delivery")),
        "204": {"description": "None came."},
        "404": _GONE,
        "422": REFUSED,
        "503": UNAVAILABLE,
    },
}  # fmt: skip
RESULT: dict[str, Any] = {
    "parameters": [_ID],
    "requestBody": _body("ResultCreate", {
        "token": "01a20d94-4598-77ff-aa01-ede0158d74bc.1795904686123", "status_code": 200,
        "headers": {"Content-Type": "text/plain"}, "duration_ms": 12.5,
    }),
    "responses": {
        "200": json_response("What it made of the task.", schema_of("ListenerResult")),
        "400": _NOT_JSON,
        "404": _GONE,
        "409": problem_response("The delivery is not the listener's any more."),
        "413": problem_response("The body is too large."),
        "415": problem_response("The body is not application/json."),
        "422": REFUSED,
        "503": UNAVAILABLE,
    },
}  # fmt: skip
DELETE: dict[str, Any] = {
    "parameters": [_ID],
    "responses": {
        "204": {"description": "The lane is the workers' again."},
        "404": _GONE,
        "503": UNAVAILABLE,
    },
}
