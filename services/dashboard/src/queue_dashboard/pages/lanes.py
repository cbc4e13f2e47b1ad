"""Lanes: looked at, paused, limited, purged.

A lane's name may hold any character, so it is in the query, not in the path.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, UnavailableError

from ..access.forms import FormError
from ..access.visit import PostedForm, Visitor, needs

__all__ = ["router"]

router = APIRouter()
LIMIT = 50
PURGE_CALLS = 20
"""A purge takes what a call of the API takes, so many times; what is left is said."""


@router.get("/lanes", dependencies=[needs("read")])
async def list_lanes(visit: Visitor) -> Response:
    """Show the lanes, those in trouble first."""
    query = visit.query
    sort = "name" if query.get("sort") == "name" else "trouble"
    page = await visit.client.list_lanes(
        sort=sort, prefix=query.get("prefix"), cursor=query.get("cursor"), limit=LIMIT
    )
    return visit.page("lanes.html", page=page, sort=sort, prefix=query.get("prefix", ""))


@router.get("/lane", dependencies=[needs("read")])
async def show_lane(visit: Visitor) -> Response:
    """Show one lane."""
    return await _lane_page(visit, visit.query.get("name", ""))


async def _lane_page(
    visit: Visitor, name: str, error: ApiError | FormError | None = None,
    values: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Return the page, with what was typed if that was refused."""
    lane = await visit.client.get_lane(name)
    return visit.page(
        "lane.html", 200 if error is None else error.status, lane=lane, error=error,
        values=values or msgspec.to_builtins(lane.limits),
    )  # fmt: skip


@router.post("/lane/pause", dependencies=[needs("manage")])
async def pause(visit: Visitor, form: PostedForm) -> Response:
    """Start no further attempts of a lane."""
    lane = await visit.client.pause_lane(form.get("name", ""))
    return visit.redirect("/lane", name=lane.lane, said="paused")


@router.post("/lane/resume", dependencies=[needs("manage")])
async def resume(visit: Visitor, form: PostedForm) -> Response:
    """Let a lane go on."""
    lane = await visit.client.resume_lane(form.get("name", ""))
    return visit.redirect("/lane", name=lane.lane, said="resumed")


@router.post("/lane/limits", dependencies=[needs("manage")])
async def set_limits(visit: Visitor, form: PostedForm) -> Response:
    """Set a lane's limits; an empty field removes one."""
    name = form.get("name", "")
    try:
        lane = await visit.client.set_lane(
            name, concurrency=form.whole("concurrency"), rate=form.number("rate"),
            burst=form.whole("burst"),
        )  # fmt: skip
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        return await _lane_page(visit, name, error, form)
    return visit.redirect("/lane", name=lane.lane, said="limits")


@router.post("/lane/purge", dependencies=[needs("manage")])
async def purge(visit: Visitor, form: PostedForm) -> Response:
    """Remove what waits in a lane."""
    name = form.get("name", "")
    for _ in range(PURGE_CALLS):
        if not (await visit.client.purge_lane(name)).more:
            break
    return visit.redirect("/lane", name=name, said="purged")
