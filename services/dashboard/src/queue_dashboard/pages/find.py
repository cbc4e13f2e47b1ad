"""The find box: a task's id, an idempotency key, the beginning of a URL."""

from __future__ import annotations

import uuid

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])


@router.get("/find")
async def find(visit: Visitor) -> Response:
    """Go to what the text names."""
    text = visit.query.get("q", "").strip()
    if not text:
        return visit.redirect("/tasks")
    if (task_id := _task_id(text)) is not None:
        return visit.redirect(f"/tasks/{task_id}")
    if text.startswith(("http://", "https://")):
        return visit.redirect("/tasks", url_prefix=text)
    found = await visit.client.list_tasks(idempotency_key=text, limit=1)
    if found.tasks:
        return visit.redirect(f"/tasks/{found.tasks[0].id}")
    return visit.redirect("/tasks", idempotency_key=text)


def _task_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
