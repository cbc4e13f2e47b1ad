"""The workers that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from ..auth import MayRead
from ..openapi import UNAVAILABLE, json_response, schema_of
from ..parameters import respond, written_time

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["WorkerList", "WorkerShown", "router"]

router = APIRouter(tags=["stats"])


class WorkerShown(msgspec.Struct, frozen=True):
    """A worker with a lease."""

    id: str
    concurrency: int
    """What it adds to the requests that a lane may have in flight."""
    active: int
    """Tasks that it holds, of all projects."""
    lease_expires_at: str
    """When its tasks go to others, if it does not renew its lease."""


class WorkerList(msgspec.Struct, frozen=True):
    """The workers of all projects."""

    workers: list[WorkerShown]


@router.head("/api/v1/workers", include_in_schema=False)
@router.get(
    "/api/v1/workers",
    openapi_extra={
        "responses": {
            "200": json_response("The workers.", schema_of("WorkerList")),
            "503": UNAVAILABLE,
        }
    },
)
async def list_workers(request: Request, _principal: MayRead) -> Response:
    """List the workers, of at most 1,000; they work for all projects."""
    context: AppContext = request.app.state.api
    found = await context.queue.workers.live()
    shown = [
        WorkerShown(w.id, w.concurrency, w.active, written_time(w.lease_expires_at_ms) or "")
        for w in found
    ]
    return respond(WorkerList(shown))
