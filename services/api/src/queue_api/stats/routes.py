"""The stats of the queue: now, and over time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from queue_common.lanes import DEFAULT_PROJECT
from queue_common.queue import ALL_PROJECTS, QueueHooks, QueueStats

from ..auth import MayRead
from ..parameters import respond, written_time
from . import openapi
from .schemas import Now, RedisState, SeriesStatus, Stats, StatsPoint

if TYPE_CHECKING:
    from queue_common.queue import Series, TaskQueue

    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["stats"])


@router.head(openapi.PATH, include_in_schema=False)
@router.get(openapi.PATH, openapi_extra=openapi.STATS)
async def get_stats(request: Request, principal: MayRead) -> Response:
    """Return the project's state and activity; of all projects with ``X-Project: *``.

    ``series`` has the last 5 minutes in steps of 5 s, and the last 3 days in hours; its counts are
    up to 2 s late. If there are several projects and the caller's has over 500 lanes, tasks that
    are scheduled in further lanes count as waiting. The cost does not grow with the queue.
    """
    context: AppContext = request.app.state.api
    queue = context.queue
    project = ALL_PROJECTS if principal.all_projects else principal.project
    fine, coarse = await queue.rings.read(project)
    return respond(
        Stats(
            at=written_time(round(time.time() * 1000)) or "",
            now=await _now(queue, None if principal.all_projects else project),
            redis=await _redis(queue),
            series={"5s": _series(fine), "1h": _series(coarse)},
        )
    )


async def _now(queue: TaskQueue, project: str | None) -> Now:
    stats = QueueStats(queue.client, queue.name, QueueHooks())
    whole = await stats.read()
    is_alone = project == DEFAULT_PROJECT and not whole.projects
    own = None
    # The whole queue's oldest task is not known before the first scan of its lanes.
    if project is not None and not (is_alone and whole.oldest_waiting_ms is not None):
        own = await stats.read_project(project)
    found = whole if own is None or is_alone else own
    oldest_ms = (own or whole).oldest_waiting_ms
    return Now(
        waiting=found.waiting,
        scheduled=found.scheduled,
        due=found.due,
        active=found.active,
        dead=found.dead,
        oldest_waiting_seconds=None if oldest_ms is None else oldest_ms / 1000,
        workers=whole.workers,
        unhealthy_lanes=found.unhealthy_lanes,
        trial_lanes=found.trial_lanes,
        lanes=own.lanes if own else await queue.reader.count_lanes(),
    )


async def _redis(queue: TaskQueue) -> RedisState:
    durability = await queue.durability()
    return RedisState(
        durability.mode, durability.warnings, durability.used_memory, durability.max_memory
    )


def _series(series: Series) -> SeriesStatus:
    points = [
        StatsPoint(
            at=written_time(point.at_ms) or "",
            accepted=point.accepted,
            delivered=point.delivered,
            failed=point.failed,
            dead=point.dead,
            wait_p50_ms=point.wait_p50_ms,
            wait_p99_ms=point.wait_p99_ms,
            attempt_p50_ms=point.attempt_p50_ms,
            attempt_p99_ms=point.attempt_p99_ms,
        )
        for point in series.points
    ]
    return SeriesStatus(series.step_seconds, points)
