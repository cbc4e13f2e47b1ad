"""Operations on all tasks of a filter: started, watched, stopped."""

from __future__ import annotations

from fastapi import APIRouter
from msgspec import UNSET
from starlette.responses import Response

from queue_client import ApiError, Filter, UnavailableError

from ..access.forms import Form, FormError
from ..access.visit import PostedForm, Visitor, needs
from .query import FILTER_FIELDS, STATES, task_filter

__all__ = ["router"]

router = APIRouter()
ACTIONS = {
    "replay": "Replay: send each again as a new task",
    "run": "Run now: put each at the front of its lane",
    "cancel": "Cancel: end each without a further attempt",
    "delete": "Delete: remove dead letters for good",
}
LIMIT = 50


@router.get("/operations", dependencies=[needs("read")])
async def list_operations(visit: Visitor) -> Response:
    """Show what runs and what ran."""
    page = await visit.client.list_operations(cursor=visit.query.get("cursor"), limit=LIMIT)
    return visit.page("operations.html", page=page)


@router.get("/operations/new", dependencies=[needs("manage")])
async def plan_operation(visit: Visitor) -> Response:
    """Ask what is to be done with all tasks of the filter in the URL."""
    values = {"action": "replay", "rate": "50", **visit.query}
    return _form(visit, values, None)


@router.post("/operations", dependencies=[needs("manage")])
async def start_operation(visit: Visitor, form: PostedForm) -> Response:
    """Start an operation."""
    try:
        operation = await visit.client.start_operation(
            action=form.get("action", ""), filter=_filter(form), rate=form.whole("rate") or UNSET,
            dry_run="dry_run" in form,
        )  # fmt: skip
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        return _form(visit, form, error)
    return visit.redirect(f"/operations/{operation.id}", said="started")


def _form(visit: Visitor, values: dict[str, str], error: ApiError | FormError | None) -> Response:
    return visit.page(
        "operation_new.html", 200 if error is None else error.status, values=values, error=error,
        actions=ACTIONS, states=STATES,
        filter={name: values.get(name, "") for name in FILTER_FIELDS},
    )  # fmt: skip


def _filter(form: Form) -> Filter:
    found = task_filter(form)
    found.pop("idempotency_key", None)  # names one task, which has a page for what to do with it
    label = found.pop("label", None)
    return Filter(**found, label=[label] if label else None, status_code=form.whole("status_code"))


@router.get("/operations/{operation_id}", dependencies=[needs("read")])
async def show_operation(visit: Visitor, operation_id: str) -> Response:
    """Show how far an operation is."""
    operation = await visit.client.get_operation(operation_id)
    return visit.page("operation.html", operation=operation)


@router.post("/operations/{operation_id}/stop", dependencies=[needs("manage")])
async def stop_operation(visit: Visitor, operation_id: str, _: PostedForm) -> Response:
    """Stop an operation."""
    await visit.client.stop_operation(operation_id)
    return visit.redirect(f"/operations/{operation_id}", said="stopping")
