"""What the OpenAPI document says of dead letters."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE
from ..tasks.manage.openapi import NOT_FOUND, TASK_ID, WRONG_STATE

__all__ = ["DELETE", "PATH"]

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
