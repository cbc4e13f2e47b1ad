"""Operations on all tasks of a filter: counted, confirmed, watched, stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter
from msgspec import UNSET
from starlette.responses import Response

from queue_client import ApiError, Filter, UnavailableError

from ..access.forms import Form, FormError
from ..access.visit import PostedForm, Visitor, needs
from .query import FILTER_FIELDS, OUTCOMES, STATES, TIMES, task_filter

if TYPE_CHECKING:
    from queue_client import Operation

__all__ = ["router"]

router = APIRouter()
ACTIONS = {
    "replay": "Replay: send each again as a new task",
    "run": "Run now: put each at the front of its lane",
    "cancel": "Cancel: end each without a further attempt",
    "delete": "Delete: remove dead letters for good",
}
CONSEQUENCES = {
    "replay": "Each is sent again as a new task.",
    "run": "Each is put at the front of its lane.",
    "cancel": "No further attempt is made of any of them. This cannot be taken back.",
    "delete": "The dead letters and their requests are gone for good.",
}
LIMIT = 50
COUNT_SECONDS = 2.0
"""How long a form waits for the count; a longer one is watched on its page."""
POLL_SECONDS = 0.1


@router.get("/operations", dependencies=[needs("read")])
async def list_operations(visit: Visitor) -> Response:
    """Show what runs and what ran."""
    page = await visit.client.list_operations(cursor=visit.query.get("cursor"), limit=LIMIT)
    return visit.page("operations.html", page=page)


@router.get("/operations/new", dependencies=[needs("manage")])
async def plan_operation(visit: Visitor) -> Response:
    """Ask what is to be done with all tasks of the filter in the URL."""
    values = {"action": "replay", **visit.query}
    return _form(visit, values, None)


@router.post("/operations", dependencies=[needs("manage")])
async def count_tasks(visit: Visitor, form: PostedForm) -> Response:
    """Count the tasks of a filter; nothing is done to them before their number is confirmed."""
    try:
        counting = await visit.client.start_operation(
            action=form.get("action", ""), filter=_filter(form), dry_run=True
        )
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        return _form(visit, form, error)
    await _wait_for_count(visit, counting)
    return visit.redirect(f"/operations/{counting.id}")


async def _wait_for_count(visit: Visitor, counting: Operation) -> None:
    for _ in range(round(COUNT_SECONDS / POLL_SECONDS)):
        if counting.ended:
            return
        await asyncio.sleep(POLL_SECONDS)
        counting = await visit.client.get_operation(counting.id)


@router.post("/operations/{operation_id}/confirm", dependencies=[needs("manage")])
async def confirm_operation(visit: Visitor, operation_id: str, form: PostedForm) -> Response:
    """Do with the tasks of a filter what they were counted for."""
    counting = await visit.client.get_operation(operation_id)
    rate = form.whole("rate")
    operation = await visit.client.start_operation(
        action=counting.action, filter=msgspec.convert(counting.filter, Filter),
        rate=rate or UNSET,
        # A button that is pressed twice confirms once.
        idempotency_key=f"confirmed-{operation_id}-{rate}",
    )  # fmt: skip
    counted = counting.matched if counting.dry_run and counting.ended else None
    return visit.redirect(f"/operations/{operation.id}", said="started", counted=counted)


def _form(visit: Visitor, values: dict[str, str], error: ApiError | FormError | None) -> Response:
    return visit.page(
        "operation_new.html", 200 if error is None else error.status, values=values, error=error,
        actions=ACTIONS, states=STATES, outcomes=OUTCOMES,
        filter={name: values.get(name, "") for name in FILTER_FIELDS},
    )  # fmt: skip


def _filter(form: Form) -> Filter:
    found = task_filter(form)
    found.pop("idempotency_key", None)  # names one task, which has a page for what to do with it
    label = found.pop("label", None)
    return Filter(**found, label=[label] if label else None)


@router.get("/operations/{operation_id}", dependencies=[needs("read")])
async def show_operation(visit: Visitor, operation_id: str) -> Response:
    """Show how far an operation is."""
    operation = await visit.client.get_operation(operation_id)
    counted = visit.query.get("counted", "")
    return visit.page(
        "operation.html", operation=operation, again=_again(operation),
        counted=int(counted) if counted.isascii() and counted.isdecimal() else 0,
        consequence=CONSEQUENCES.get(operation.action, ""),
    )  # fmt: skip


def _again(operation: Operation) -> dict[str, Any] | None:
    """Return the query of the form that leads to this operation; None if it takes more than one.

    An operation that was begun elsewhere may have several labels, or ids.
    """
    query = {"action": operation.action, **operation.filter}
    if "ids" in query or len(query.get("label", [])) > 1:
        return None
    for name in TIMES & query.keys():
        query[name] = query[name][:19]  # what a field of a browser takes
    return query


@router.post("/operations/{operation_id}/stop", dependencies=[needs("manage")])
async def stop_operation(visit: Visitor, operation_id: str, _: PostedForm) -> Response:
    """Stop an operation."""
    await visit.client.stop_operation(operation_id)
    return visit.redirect(f"/operations/{operation_id}", said="stopping")
