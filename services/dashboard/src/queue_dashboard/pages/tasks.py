"""The list of tasks: all filters in the URL, pages by cursor."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, TaskPage

from ..access.forms import FormError
from ..access.visit import Visit, Visitor, needs
from .query import FILTER_FIELDS, OUTCOMES, STATES, read_status, task_filter

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LIMIT = 50
CHEAP = {"state", "lane"}
"""Filters that need no look into the tasks."""
SEARCH_SECONDS = 10
STATUS_PAGES = 4
"""Pages of the API that are looked through for a status, which the API does not search by."""
STATUS_LIMIT = 200


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
        page = await _find(visit, task_filter(query), read_status(query), cursor)
    except (ApiError, FormError) as refused:
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        error = refused
    shown = {name: query[name] for name in (*FILTER_FIELDS, "status_code") if name in query}
    return visit.page(
        "tasks.html", 200 if error is None else error.status, page=page, filter=shown, error=error,
        states=STATES, outcomes=OUTCOMES, when="never" if error else _fresh({*shown}, cursor),
    )  # fmt: skip


async def _find(
    visit: Visit, wanted: dict[str, Any], status: int | None, cursor: str | None
) -> TaskPage:
    if status is None:
        return await visit.client.list_tasks(**wanted, cursor=cursor, limit=LIMIT)
    found, looked_at = TaskPage([], cursor), 0
    for _ in range(STATUS_PAGES):
        page = await visit.client.list_tasks(**wanted, cursor=found.cursor, limit=STATUS_LIMIT)
        tasks = [
            task
            for task in page.tasks
            if task.last_attempt and task.last_attempt.status_code == status
        ]
        looked_at += page.scanned or len(page.tasks)
        found = msgspec.structs.replace(page, tasks=found.tasks + tasks, scanned=looked_at)
        if page.cursor is None or len(found.tasks) >= LIMIT:
            break
    return found
