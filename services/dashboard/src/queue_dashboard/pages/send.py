"""Sending a task by hand."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from msgspec import UNSET
from starlette.responses import Response

from queue_client import ApiError, Retry, UnavailableError

from ..access.forms import Form, FormError
from ..access.visit import PostedForm, Visitor, needs
from .task.acts import read_headers

__all__ = ["router"]

router = APIRouter(dependencies=[needs("enqueue")])
METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
OPTIONAL = ("lane", "delay", "timeout", "idempotency_key")


@router.get("/send")
async def show_form(visit: Visitor) -> Response:
    """Show the form; the URL may fill it in."""
    return visit.page("send.html", values=visit.query, error=None, methods=METHODS)


@router.post("/send")
async def send(visit: Visitor, form: PostedForm) -> Response:
    """Send the task."""
    try:
        created = await visit.client.send(form.get("url", "").strip(), **_task(form))
    except (ApiError, FormError, ValueError) as error:
        if isinstance(error, UnavailableError):
            raise
        status = 422 if isinstance(error, ValueError) else error.status
        return visit.page("send.html", status, values=form, error=error, methods=METHODS)
    if not visit.can("read"):
        return visit.redirect("/send", said="sent")
    said = "exists" if created.repeated else "sent"
    return visit.redirect(f"/tasks/{created.task_id}", said=said)


def _task(form: Form) -> dict[str, Any]:
    task: dict[str, Any] = {name: value for name in OPTIONAL if (value := form.text(name))}
    task["method"] = form.get("method", "POST")
    task["headers"] = read_headers(form.get("headers", "")) or None
    # A browser sends each end of a line as CR LF.
    task["body"] = form.get("body", "").replace("\r\n", "\n") or UNSET
    task["labels"] = _labels(form.get("labels", "")) or None
    attempts = form.whole("max_attempts")
    task["retry"] = Retry(max_attempts=attempts) if attempts else None
    return task


def _labels(text: str) -> dict[str, str]:
    labels = {}
    for part in text.replace("\n", ",").split(","):
        key, _, value = part.partition(":")
        if key.strip():
            labels[key.strip()] = value.strip()
    return labels
