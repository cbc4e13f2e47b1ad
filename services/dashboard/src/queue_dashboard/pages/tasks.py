"""The list of tasks: all filters in the URL, pages by cursor."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, TaskPage

from ..access.forms import FormError
from ..access.visit import Visitor, needs
from .query import FILTER_FIELDS, OUTCOMES, STATES, task_filter

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50
CHEAP = {"state", "lane"}
"""Filters that need no look into the tasks."""
SEARCH_SECONDS = 10


def _fresh(wanted: set[str], cursor: str | None) -> str | int:
    """Return when the list is loaded again: a search costs too much for every event."""
    if cursor is not None:
        return "never"
    return "events" if wanted <= CHEAP else SEARCH_SECONDS


@router.get("/tasks")
async def list_tasks(visit: Visitor) -> Response:
    """Show the tasks that the filter in the URL asks for; what it cannot mean is named."""
    query, cursor = visit.query, visit.query.get("cursor")
    page, error = TaskPage([]), None
    try:
        page = await visit.client.list_tasks(**task_filter(query), cursor=cursor, limit=LIMIT)
    except (ApiError, FormError) as refused:
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        error = refused
    shown = {name: query[name] for name in FILTER_FIELDS if name in query}
    return visit.page(
        "tasks.html", 200 if error is None else error.status, page=page, filter=shown, error=error,
        states=STATES, outcomes=OUTCOMES, when="never" if error else _fresh({*shown}, cursor),
    )  # fmt: skip
