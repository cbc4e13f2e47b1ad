"""Dead letters, grouped by lane and outcome."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50
GROUPS_SECONDS = 10.0
"""The API looks at up to 20,000 dead letters for it: however many pages are open, this often."""


@router.get("/dead-letters")
async def list_groups(visit: Visitor) -> Response:
    """Show what died, and how."""
    query = visit.query
    lane, cursor = query.get("lane"), query.get("cursor")
    page = await visit.dashboard.gateway.shared(
        f"dead letters {lane!r} {cursor!r}", visit.caller, GROUPS_SECONDS,
        lambda: visit.client.list_dead_letter_groups(lane=lane, cursor=cursor, limit=LIMIT),
    )  # fmt: skip
    return visit.page("dead_letters.html", page=page, lane=query.get("lane", ""))
