"""The parts of the OpenAPI document about dead letters."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, schema_of
from ..tasks.manage.openapi import CURSOR, FILTERS, LIMIT, NOT_FOUND, REFUSED, TASK_ID, WRONG_STATE

__all__ = ["DELETE", "GROUPS", "PATH"]

PATH = "/api/v1/dead-letters"
DELETE: dict[str, Any] = {
    "parameters": [TASK_ID],
    "responses": {
        "204": {"description": "The dead letter is not there any more."},
        "404": NOT_FOUND,
        "409": WRONG_STATE,
        "503": UNAVAILABLE,
    },
}
GROUPS: dict[str, Any] = {
    "parameters": [*(found for found in FILTERS if found["name"] == "lane"), CURSOR, LIMIT],
    "responses": {
        "200": json_response("A page of groups.", schema_of("DeadLetterGroups")),
        "422": REFUSED,
        "503": UNAVAILABLE,
    },
}
