"""The list of tasks: all filters in the URL, pages by cursor."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs
from .query import FILTER_FIELDS, STATES, task_filter

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50
CHEAP = {"state", "lane"}
"""Filters that need no look into the tasks."""
SEARCH_SECONDS = 10


def _fresh(wanted: dict[str, Any], cursor: str | None) -> str | int:
    """Return when the list is loaded again: a search costs too much for every event."""
    if cursor is not None:
        return "never"
    return "events" if wanted.keys() <= CHEAP else SEARCH_SECONDS


@router.get("/tasks")
async def list_tasks(visit: Visitor) -> Response:
    """Show the tasks that the filter in the URL asks for."""
    query = visit.query
    wanted, cursor = task_filter(query), query.get("cursor")
    page = await visit.client.list_tasks(**wanted, cursor=cursor, limit=LIMIT)
    shown = {name: query[name] for name in FILTER_FIELDS if name in query}
    return visit.page(
        "tasks.html", page=page, filter=shown, states=STATES, when=_fresh(wanted, cursor)
    )
