"""The parts of the OpenAPI document about lanes."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, problem_response, schema_of
from ..tasks.manage.openapi import LIMIT, parameter

__all__ = ["CHANGE", "GET", "LIST", "PATH", "PURGE", "PUT"]

PATH = "/api/v1/lanes"
_LANE = {
    "name": "lane", "in": "path", "required": True, "example": "hooks.example.com:443",
    "description": "Percent-encoded.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 300, "pattern": r"^[!-.0-~]+$"},
}  # fmt: skip
_SCANNED = "unhealthy|failing|paused|limited"
_SHARED = "troubled:(?:[0-9]{1,4} [!-~]+)?"
_CURSOR = parameter(
    "cursor", "Where the page begins: `cursor` of the page before.",
    {"type": "string", "pattern": f"^(?:named:[!-~]*|{_SHARED}|(?:{_SCANNED}):[0-9]{{0,19}})$"},
)  # fmt: skip
_FOUND = json_response("The lane.", schema_of("Lane"))
_REFUSED = problem_response("A parameter or field is wrong; it is named.")
_DENIED = problem_response("The key lacks the scope manage, or a page of another site sent it.")
_EXAMPLES = {
    "limits": {
        "summary": "4 requests at a time, 10 a second, 20 at once",
        "value": {"concurrency": 4, "rate": 10, "burst": 20},
    },
    "none": {"summary": "No limits of its own, and not paused", "value": {"paused": False}},
}

LIST: dict[str, Any] = {
    "parameters": [
        parameter(
            "sort", "Lanes in trouble first (unhealthy, then by the share of failed attempts in "
            "the last 5 to 10 minutes, then paused), or all by name.",
            {"type": "string", "enum": ["trouble", "name"], "default": "trouble"},
        ),
        parameter(
            "prefix", "The beginning of the lane's name.",
            {"type": "string", "pattern": "^[!-~]{1,300}$"}, example="hooks.",
        ),
        _CURSOR, LIMIT,
    ],
    "responses": {
        "200": json_response("Lanes.", schema_of("LaneList")), "422": _REFUSED, "503": UNAVAILABLE,
    },
}  # fmt: skip
GET: dict[str, Any] = {
    "parameters": [_LANE],
    "responses": {"200": _FOUND, "422": _REFUSED, "503": UNAVAILABLE},
}
PUT: dict[str, Any] = {
    "parameters": [_LANE],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schema_of("LanePut"), "examples": _EXAMPLES}},
    },
    "responses": {
        "200": _FOUND,
        "400": problem_response("The body is not JSON."),
        "403": _DENIED,
        "413": problem_response("The body is too large."),
        "415": problem_response("The body is not application/json."),
        "422": _REFUSED,
        "503": UNAVAILABLE,
    },
}
CHANGE: dict[str, Any] = {
    "parameters": [_LANE],
    "responses": {"200": _FOUND, "403": _DENIED, "422": _REFUSED, "503": UNAVAILABLE},
}
PURGE: dict[str, Any] = {
    "parameters": [_LANE],
    "responses": {
        "200": json_response("What was removed.", schema_of("LanePurged")),
        "403": _DENIED,
        "422": _REFUSED,
        "503": UNAVAILABLE,
    },
}
