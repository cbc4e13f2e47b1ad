"""What can be done with a task."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, TaskRequest, UnavailableError

from ...access.forms import Form, FormError
from ...access.visit import PostedForm, Visitor, needs

__all__ = ["read_headers", "router"]

router = APIRouter(dependencies=[needs("manage")])
REDACTED = "[redacted]"


@router.post("/tasks/{task_id}/cancel")
async def cancel(visit: Visitor, task_id: str, _: PostedForm) -> Response:
    """Cancel a task."""
    task = await visit.client.cancel_task(task_id)
    said = "cancelled" if task.state == "cancelled" else "cancel-requested"
    return visit.redirect(f"/tasks/{task_id}", said=said)


@router.post("/tasks/{task_id}/run")
async def run(visit: Visitor, task_id: str, _: PostedForm) -> Response:
    """Put a task at the front of its lane."""
    await visit.client.run_task(task_id)
    return visit.redirect(f"/tasks/{task_id}", said="run")


@router.post("/tasks/{task_id}/delete")
async def delete(visit: Visitor, task_id: str, _: PostedForm) -> Response:
    """Delete a dead letter."""
    await visit.client.delete_dead_letter(task_id)
    return visit.redirect("/dead-letters", said="deleted")


@router.get("/tasks/{task_id}/replay")
async def edit_replay(visit: Visitor, task_id: str) -> Response:
    """Show a task's request, to be changed before it is sent again."""
    task = await visit.client.get_task(task_id)
    if task.request is None:
        raise FormError(404, "The task's request is not kept any more.")
    return visit.page(
        "replay.html", task_id=task_id, request=task.request, error=None,
        values=_as_form(task.request),
    )  # fmt: skip


@router.post("/tasks/{task_id}/replay")
async def replay(visit: Visitor, task_id: str, form: PostedForm) -> Response:
    """Send a task's request again, with what was changed."""
    task = await visit.client.get_task(task_id)
    if task.request is None:
        raise FormError(404, "The task's request is not kept any more.")
    try:
        replayed = await visit.client.replay_task(task_id, **_changes(task.request, form))
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        status = error.status
        return visit.page(
            "replay.html", status, task_id=task_id, request=task.request, error=error, values=form
        )
    return visit.redirect(f"/tasks/{replayed.task_id}", said="replayed")


def _as_form(request: TaskRequest) -> dict[str, str]:
    headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    return {
        "url": request.url,
        "method": request.method,
        "headers": headers,
        "body": request.body or "",
    }


def _changes(request: TaskRequest, form: Form) -> dict[str, Any]:
    """Return what differs from the task's request: the API keeps the rest, redacted values too."""
    was = _as_form(request)
    changes: dict[str, Any] = {
        name: form[name].strip()
        for name in ("url", "method")
        if name in form and form[name].strip() != was[name]
    }
    headers = read_headers(form.get("headers", was["headers"]))
    if headers != request.headers:
        if REDACTED in headers.values():
            msg = f"headers: write the values that are {REDACTED}, or leave all headers as they are"
            raise FormError(422, msg)
        changes["headers"] = headers
    # A browser sends each end of a line as CR LF.
    body = form.get("body", was["body"]).replace("\r\n", "\n")
    if body != was["body"].replace("\r\n", "\n") and not request.truncated:
        changes["body"] = body
    return changes


def read_headers(text: str) -> dict[str, str]:
    """Read headers, a line each; raises FormError if a line is none."""
    headers = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            raise FormError(
                422, f"headers: should be lines such as Accept: text/plain, not {line!r}"
            )
        headers[name.strip()] = value.strip()
    return headers
