"""The list of tasks: all filters in the URL, pages by cursor."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs
from .query import FILTER_FIELDS, STATES, task_filter

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50


@router.get("/tasks")
async def list_tasks(visit: Visitor) -> Response:
    """Show the tasks that the filter in the URL asks for."""
    query = visit.query
    page = await visit.client.list_tasks(
        **task_filter(query), cursor=query.get("cursor"), limit=LIMIT
    )
    shown = {name: query[name] for name in FILTER_FIELDS if name in query}
    return visit.page("tasks.html", page=page, filter=shown, states=STATES)
