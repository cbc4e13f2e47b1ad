"""The routes of lanes: list, show, set, pause, resume, purge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET

from queue_common.lanes import lane_in

from ..auth import MayManage, MayReadOne
from ..parameters import Query, invalid_request, read_body, refuse_cursor, respond
from ..problems import FieldError
from ..tasks.option_schemas import MAX_LANE_CHARACTERS
from ..tasks.options import check_lane_name
from . import openapi
from .schemas import Lane, LaneList, LanePurged, LanePut

if TYPE_CHECKING:
    from ..app_context import AppContext
    from ..auth import Principal

__all__ = ["router"]

PURGE_STEPS = 10
"""Max script calls of a purge, each for 1,000 tasks. A client repeats the call for more."""
_ONE = openapi.PATH + "/{lane}"

router = APIRouter(tags=["lanes"])


@router.head(openapi.PATH, include_in_schema=False)
@router.get(openapi.PATH, openapi_extra=openapi.LIST)
async def list_lanes(request: Request, principal: MayReadOne) -> Response:
    """List the project's lanes with tasks, limits or a pause, those with problems first."""
    context: AppContext = request.app.state.api
    query = Query(request, {"sort", "prefix", "limit", "cursor"})
    order = query.read("sort", _order) or "trouble"
    prefix = query.read("prefix", _check_lane) or ""
    limit, cursor = query.limit(), query.text("cursor")
    query.check()
    try:
        page = await context.queue.lanes.page(
            principal.project, order=order, prefix=prefix, cursor=cursor, limit=limit
        )
    except ValueError:
        raise refuse_cursor() from None
    return respond(LaneList([Lane.of(state) for state in page.lanes], page.cursor))


@router.post(_ONE + "/pause", openapi_extra=openapi.CHANGE)
async def pause_lane(request: Request, principal: MayManage) -> Response:
    """Pause the lane: its tasks wait, and those in flight continue."""
    return await _pause(request, principal, pauses=True)


@router.post(_ONE + "/resume", openapi_extra=openapi.CHANGE)
async def resume_lane(request: Request, principal: MayManage) -> Response:
    """Resume a paused lane. Like a new lane, it is on trial until its destination responds."""
    return await _pause(request, principal, pauses=False)


@router.post(_ONE + "/purge", openapi_extra=openapi.PURGE)
async def purge_lane(request: Request, principal: MayManage) -> Response:
    """Delete up to 10,000 waiting and scheduled tasks of the lane. Active ones continue."""
    context: AppContext = request.app.state.api
    lane = _lane_of(request)
    purged, more = await context.queue.operations.purge_some(
        lane_in(principal.project, lane), steps=PURGE_STEPS
    )
    await context.audit.record(principal, "lane.purge", lane, purged=purged)
    return respond(LanePurged(purged, more))


@router.head(_ONE, include_in_schema=False)
@router.get(_ONE, openapi_extra=openapi.GET)
async def get_lane(request: Request, principal: MayReadOne) -> Response:
    """Return a lane: its tasks by state, health, limits and recent outcomes."""
    return await _show(request, principal)


@router.put(_ONE, openapi_extra=openapi.PUT)
async def put_lane(request: Request, principal: MayManage) -> Response:
    """Replace a lane's limits, and pause or resume it, with immediate effect.

    A limit that is missing is removed: `{}` removes all. Without `paused` the lane stays paused or
    not, as it is.
    """
    context: AppContext = request.app.state.api
    lane = _lane_of(request)
    put = await read_body(request, LanePut, required=True)
    if put.burst is not None and put.rate is None:
        raise invalid_request([FieldError("burst", "should come with a rate")])
    await context.queue.lanes.put(principal.project, lane, put.limits())
    if put.paused is not UNSET:
        operations = context.queue.operations
        change = operations.pause if put.paused else operations.resume
        await change(lane_in(principal.project, lane))
    await context.audit.record(principal, "lane.put", lane, **msgspec.to_builtins(put))
    return await _show(request, principal)


async def _pause(request: Request, principal: Principal, *, pauses: bool) -> Response:
    context: AppContext = request.app.state.api
    lane = _lane_of(request)
    operations = context.queue.operations
    change = operations.pause if pauses else operations.resume
    if await change(lane_in(principal.project, lane)):
        action = "lane.pause" if pauses else "lane.resume"
        await context.audit.record(principal, action, lane)
    return await _show(request, principal)


async def _show(request: Request, principal: Principal) -> Response:
    context: AppContext = request.app.state.api
    found = await context.queue.lanes.get(principal.project, _lane_of(request))
    return respond(Lane.of(found))


def _lane_of(request: Request) -> str:
    # The server does not decode the path: a slash in a lane's name is %2F.
    try:
        return _check_lane(unquote(request.path_params["lane"], errors="strict"))
    except ValueError as error:
        raise invalid_request([FieldError("lane", str(error))]) from None


def _check_lane(text: str) -> str:
    if not 0 < len(text) <= MAX_LANE_CHARACTERS:
        msg = f"should be 1 to {MAX_LANE_CHARACTERS} characters"
        raise ValueError(msg)
    return check_lane_name(text)


def _order(text: str) -> Literal["trouble", "name"]:
    if text not in {"trouble", "name"}:
        msg = "should be trouble or name"
        raise ValueError(msg)
    return cast("Literal['trouble', 'name']", text)
