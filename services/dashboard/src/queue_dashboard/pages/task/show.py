"""The page of a task."""

from __future__ import annotations

import asyncio
import base64

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import TaskRequest

from ...access.visit import Visitor, needs
from ...view.words import MAX_SHOWN
from .curl import as_curl
from .timeline import phases, timeline

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])


@router.get("/tasks/{task_id}")
async def show_task(visit: Visitor, task_id: str) -> Response:
    """Show a task: its state, its request, every attempt."""
    task, listed = await asyncio.gather(
        visit.client.get_task(task_id), visit.client.list_attempts(task_id)
    )
    attempts = listed.attempts
    return visit.page(
        "task.html", task=task, attempts=[(one, phases(one)) for one in reversed(attempts)],
        line=timeline(task, attempts), request=task.request, max_shown=MAX_SHOWN,
        curl=_curl(task.request),
    )  # fmt: skip


def _curl(request: TaskRequest | None) -> str | None:
    if request is None or request.truncated:
        return None
    command = as_curl(request)
    return command if len(command) <= MAX_SHOWN else None


@router.get("/tasks/{task_id}/body", dependencies=[needs("manage")])
async def download_body(visit: Visitor, task_id: str) -> Response:
    """Send a request's body as a file, as much of it as the API gives."""
    request = (await visit.client.get_task(task_id)).request
    body = b""
    if request is not None and request.body_base64:
        body = base64.b64decode(request.body_base64)
    elif request is not None and request.body:
        body = request.body.encode()
    headers = {"Content-Disposition": 'attachment; filename="body"'}
    return Response(body, headers=headers, media_type="application/octet-stream")
