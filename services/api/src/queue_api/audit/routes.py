"""The route of the audit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from ..auth import IsAdmin
from ..openapi import UNAVAILABLE, json_response, problem_response, query_parameter, schema_of
from ..parameters import Query, respond

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["router"]

PATH = "/api/v1/audit"
CURSOR = "[1-9][0-9]{0,14}-[0-9]{1,15}"
_LIST = {
    "parameters": [
        query_parameter("limit", "At most so many.", type="integer", minimum=1, maximum=1000),
        query_parameter("cursor", "Where the last page ended.", pattern=f"^{CURSOR}$"),
    ],
    "responses": {
        "200": json_response("Management actions, the newest first.", schema_of("AuditPage")),
        "422": problem_response("A parameter is wrong."),
        "503": UNAVAILABLE,
    },
}

router = APIRouter(tags=["audit"])


@router.head(PATH, include_in_schema=False)
@router.get(PATH, openapi_extra=_LIST)
async def list_actions(request: Request, _principal: IsAdmin) -> Response:
    """List management actions, newest first: of keys, projects, secrets and tasks."""
    context: AppContext = request.app.state.api
    query = Query(request, {"limit", "cursor"})
    limit, cursor = query.limit(), query.read("cursor", _checked)
    query.check()
    return respond(await context.audit.page(cursor, limit))


def _checked(cursor: str) -> str:
    if not re.fullmatch(CURSOR, cursor):
        msg = "is not a cursor of this list"
        raise ValueError(msg)
    return cursor
