"""Dead letters, grouped by lane and outcome."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50


@router.get("/dead-letters")
async def list_groups(visit: Visitor) -> Response:
    """Show what died, and how."""
    query = visit.query
    lane, cursor = query.get("lane"), query.get("cursor")
    page = await visit.client.list_dead_letter_groups(lane=lane, cursor=cursor, limit=LIMIT)
    return visit.page("dead_letters.html", page=page, lane=query.get("lane", ""))
