"""The routes of keys."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.watched import FullError

from ..auth import IsAdmin
from ..parameters import Query, read_body, respond, written_time
from ..problems import ProblemError
from . import openapi
from .parse import make_key
from .schemas import Key, KeyCreate, KeyCreated, KeyPage

if TYPE_CHECKING:
    from ..app_context import AppContext
    from .record import KeyRecord

__all__ = ["router"]

PATH = "/api/v1/keys"

router = APIRouter(tags=["keys"])


@router.post(PATH, openapi_extra=openapi.CREATE, status_code=201)
async def create_key(request: Request, principal: IsAdmin) -> Response:
    """Create a key. Only this response has its secret, which is not stored."""
    context: AppContext = request.app.state.api
    create = await read_body(request, KeyCreate)
    record, key = make_key(create, principal.project)
    try:
        await context.keys.add(record)
    except FullError as error:
        detail = f"No further key can be kept: {error}. Revoke one."
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "limit-exceeded", detail) from None
    await context.audit.record(
        principal, "key.create", record.id,
        key_project=record.project, name_of_key=record.name, scopes=record.scopes,
    )  # fmt: skip
    shown = msgspec.structs.asdict(_shown(record, None))
    response = respond(KeyCreated(**shown, key=key), HTTPStatus.CREATED)
    response.headers["Location"] = f"{PATH}/{record.id}"
    response.headers["Cache-Control"] = "no-store"
    return response


@router.head(PATH, include_in_schema=False)
@router.get(PATH, openapi_extra=openapi.LIST)
async def list_keys(request: Request, principal: IsAdmin) -> Response:
    """List the keys of all projects or of one, newest first, without their secrets."""
    context: AppContext = request.app.state.api
    query = Query(request, {"project", "limit", "cursor"})
    project, limit = query.text("project"), query.limit()
    cursor = query.read("cursor", _read_cursor)
    query.check()
    await context.keys.refresh()
    records = [r for r in context.keys.records.values() if project in {None, r.project}]
    records.sort(key=_place, reverse=True)
    if cursor is not None:
        records = [r for r in records if _place(r) < cursor]
    page = records[:limit]
    used = await context.keys.last_used([record.id for record in page])
    shown = [_shown(record, used.get(record.id)) for record in page]
    more = len(records) > limit
    return respond(KeyPage(shown, f"{page[-1].created_at_ms}-{page[-1].id}" if more else None))


@router.head(PATH + "/{key_id}", include_in_schema=False)
@router.get(PATH + "/{key_id}", openapi_extra=openapi.GET)
async def get_key(request: Request, _principal: IsAdmin) -> Response:
    """Return a key, without its secret."""
    context: AppContext = request.app.state.api
    key_id = request.path_params["key_id"]
    await context.keys.refresh()
    record = context.keys.records.get(key_id)
    if record is None:
        raise _unknown_key()
    used = await context.keys.last_used([key_id])
    return respond(_shown(record, used.get(key_id)))


@router.delete(PATH + "/{key_id}", openapi_extra=openapi.REVOKE, status_code=204)
async def revoke_key(request: Request, principal: IsAdmin) -> Response:
    """Revoke a key. Within two seconds all processes that reach Redis refuse it."""
    context: AppContext = request.app.state.api
    key_id = request.path_params["key_id"]
    if not await context.keys.revoke(key_id):
        raise _unknown_key()
    await context.audit.record(principal, "key.revoke", key_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _place(record: KeyRecord) -> tuple[int, str]:
    return record.created_at_ms, record.id


def _read_cursor(cursor: str) -> tuple[int, str]:
    if not re.fullmatch(openapi.CURSOR, cursor):
        msg = "is not a cursor of this list"
        raise ValueError(msg)
    created_at, _, key_id = cursor.partition("-")
    return int(created_at), key_id


def _shown(record: KeyRecord, used_at_ms: int | None) -> Key:
    return Key(
        id=record.id,
        name=record.name,
        project=record.project,
        scopes=record.scopes,
        allowed_hosts=record.allowed_hosts,
        created_at=written_time(record.created_at_ms) or "",
        expires_at=written_time(record.expires_at_ms),
        last_used_at=written_time(used_at_ms),
    )


def _unknown_key() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-key", "No key has this id.")
