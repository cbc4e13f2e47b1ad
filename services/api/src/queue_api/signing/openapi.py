"""The routes of signing secrets in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ..keys.schemas import PROJECT_PATTERN
from ..openapi import UNAVAILABLE, json_response, problem_response, schema_of

__all__ = ["CREATE", "DELETE", "LIST"]

_PROJECT = {
    "name": "project", "in": "path", "required": True, "example": "billing",
    "schema": {"type": "string", "pattern": PROJECT_PATTERN},
}  # fmt: skip
_SECRET_ID = {"name": "secret_id", "in": "path", "required": True, "schema": {"type": "string"}}
_NOT_ADMIN = problem_response("The key lacks the scope admin, or a page of another site sent it.")
_WRONG = problem_response("A field or the project's name is wrong.")
_EXAMPLES = {
    "new": {"summary": "A new secret", "value": {}},
    "own": {
        "summary": "A secret that receivers know already",
        "value": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    },
}

CREATE: dict[str, Any] = {
    "parameters": [_PROJECT],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_of("SecretCreate"), "examples": _EXAMPLES}
        },
    },
    "responses": {
        "201": json_response(
            "The secret; this is the only time it is told.", schema_of("SecretCreated")
        ),
        "400": problem_response("The body is not JSON."),
        "403": _NOT_ADMIN,
        "413": problem_response("The body is over 1 MiB."),
        "415": problem_response("The body is not application/json."),
        "422": _WRONG,
        "429": problem_response("The project has 10 secrets."),
        "503": UNAVAILABLE,
    },
}
LIST: dict[str, Any] = {
    "parameters": [_PROJECT],
    "responses": {
        "200": json_response("The secrets, without their bytes.", schema_of("Secrets")),
        "422": _WRONG,
        "503": UNAVAILABLE,
    },
}
DELETE: dict[str, Any] = {
    "parameters": [_PROJECT, _SECRET_ID],
    "responses": {
        "204": {"description": "It signs no more."},
        "403": _NOT_ADMIN,
        "404": problem_response("The project has no secret with this id."),
        "422": _WRONG,
        "503": UNAVAILABLE,
    },
}
