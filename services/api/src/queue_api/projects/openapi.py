"""The parts of the OpenAPI document about projects."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, problem_response, schema_of
from ..tasks.manage.openapi import LIMIT, parameter

__all__ = ["DELETE", "GET", "LIST", "PATH", "PUT"]

PATH = "/api/v1/projects"
_NAME = {"type": "string", "pattern": "^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$"}
_CURSOR = parameter("cursor", "Where the page begins: `cursor` of the page before.", _NAME)
_PROJECT = {
    "name": "project", "in": "path", "required": True, "example": "billing",
    "schema": _NAME,
}  # fmt: skip
_FOUND = json_response("The project.", schema_of("Project"))
_UNKNOWN = problem_response("No project has this name.")
_EXAMPLES = {
    "limits": {
        "summary": "Twice the part of others, and limits",
        "value": {
            "weight": 2, "limits": {"rate": 50, "burst": 100, "waiting": 100_000, "in_flight": 200},
        },
    },
    "none": {"summary": "No limits, and the part that others have", "value": {}},
}  # fmt: skip

LIST: dict[str, Any] = {
    "parameters": [_CURSOR, LIMIT],
    "responses": {
        "200": json_response("Projects in the order of their names.", schema_of("ProjectList")),
        "422": problem_response("A parameter is wrong."),
        "503": UNAVAILABLE,
    },
}
GET: dict[str, Any] = {
    "parameters": [_PROJECT],
    "responses": {"200": _FOUND, "404": _UNKNOWN, "503": UNAVAILABLE},
}
PUT: dict[str, Any] = {
    "parameters": [_PROJECT],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schema_of("ProjectPut"), "examples": _EXAMPLES}},
    },
    "responses": {
        "200": _FOUND,
        "400": problem_response("The body is not JSON."),
        "403": problem_response(
            "The key lacks the scope admin, or a page of another site sent it."
        ),
        "413": problem_response("The body is too large."),
        "415": problem_response("The body is not application/json."),
        "422": problem_response("A field is wrong; it is named."),
        "503": UNAVAILABLE,
    },
}
DELETE: dict[str, Any] = {
    "parameters": [_PROJECT],
    "responses": {
        "204": {"description": "The project has no settings any more."},
        "403": problem_response(
            "The key lacks the scope admin, or a page of another site sent it."
        ),
        "404": _UNKNOWN,
        "409": problem_response("The project has tasks that are not settled."),
        "503": UNAVAILABLE,
    },
}
