"""Operations on many tasks: begin one, look at it, stop it."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.errors import UnknownOperationError
from queue_common.queue import Definition

from ..auth import MayManage, MayRead, MayReadOne
from ..parameters import Query, read_body, read_idempotency_key, refuse_cursor, respond
from ..problems import ProblemError
from . import openapi
from .definition import read_definition, status_of
from .schemas import OperationCreate, OperationList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queue_common.queue import Operation, OperationRunner

    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["operations"])
RETRY_AFTER_SECONDS = 60


@router.post(openapi.PATH, openapi_extra=openapi.CREATE, status_code=HTTPStatus.ACCEPTED)
async def create_operation(request: Request, principal: MayManage) -> Response:
    """Cancel, run, replay or delete all tasks that a filter accepts.

    It runs in the background, at most `rate` tasks a second, and survives the process that runs it.
    Only tasks that were accepted before it are meant. With `dry_run` they are counted alone. A call
    that is repeated with the same Idempotency-Key returns the operation of the first.
    """
    context: AppContext = request.app.state.api
    runner: OperationRunner = request.app.state.operations
    key = read_idempotency_key(request.scope["headers"])
    asked = await read_body(request, OperationCreate)
    definition: Definition = read_definition(asked, principal, round(time.time() * 1000))
    stored = await context.queue.bulk.create(
        principal.project, definition, key=key, asked=msgspec.json.encode(asked)
    )
    if stored is None:
        raise _too_many()
    operation, is_new = stored
    if not is_new:
        return _begun(operation, {"Idempotent-Replayed": "true"})
    runner.wake()
    what = msgspec.to_builtins(asked.filter)
    await context.audit.record(
        principal, f"operation.{asked.action}", operation.id, filter=what, dry_run=asked.dry_run
    )
    return _begun(operation)


def _begun(operation: Operation, headers: Mapping[str, str] | None = None) -> Response:
    response = respond(status_of(operation), HTTPStatus.ACCEPTED)
    response.headers.update({"Location": f"{openapi.PATH}/{operation.id}", **(headers or {})})
    return response


@router.head(openapi.PATH, include_in_schema=False)
@router.get(openapi.PATH, openapi_extra=openapi.LIST)
async def list_operations(request: Request, principal: MayRead) -> Response:
    """List the project's operations, the newest first. The last 1,000 are kept, for 30 days."""
    context: AppContext = request.app.state.api
    query = Query(request, {"cursor", "limit"})
    cursor, limit = query.text("cursor"), query.limit()
    query.check()
    project = None if principal.all_projects else principal.project
    try:
        page = await context.queue.bulk.page(project, cursor, limit)
    except ValueError:
        raise refuse_cursor() from None
    return respond(OperationList([status_of(one) for one in page.operations], page.cursor))


@router.head(openapi.PATH + "/{operation_id}", include_in_schema=False)
@router.get(openapi.PATH + "/{operation_id}", openapi_extra=openapi.GET)
async def get_operation(request: Request, principal: MayReadOne) -> Response:
    """Tell how far an operation has come."""
    context: AppContext = request.app.state.api
    operation = await context.queue.bulk.get(principal.project, _id(request))
    return respond(status_of(operation))


@router.delete(openapi.PATH + "/{operation_id}", openapi_extra=openapi.STOP)
async def stop_operation(request: Request, principal: MayManage) -> Response:
    """Stop an operation, within about two seconds; what it has done stays.

    One that has ended stays so.
    """
    context: AppContext = request.app.state.api
    operation = await context.queue.bulk.stop(principal.project, _id(request))
    await context.audit.record(principal, "operation.stop", operation.id)
    return respond(status_of(operation))


def _id(request: Request) -> str:
    text = request.path_params["operation_id"]
    try:
        return str(UUID(text))
    except ValueError:
        msg = f"{text!r} is not an operation's id: those are UUIDs"
        raise UnknownOperationError(msg) from None


def _too_many() -> ProblemError:
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS, "limit-exceeded", "1,000 operations go on already.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )  # fmt: skip
