"""The audit, for admins."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ...access.visit import Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("admin")])
LIMIT = 100


@router.get("/audit")
async def list_audit(visit: Visitor) -> Response:
    """Show who did what, the newest first."""
    page = await visit.client.list_audit(cursor=visit.query.get("cursor"), limit=LIMIT)
    return visit.page("audit.html", page=page)
