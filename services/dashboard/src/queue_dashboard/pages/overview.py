"""The overview: what waits, what goes wrong, how fast it goes."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from ..access.visit import Visitor, needs
from ..view.lanes import largest, summary, troubled

__all__ = ["router"]

router = APIRouter()
LANES = 100
"""Lanes that the overview looks at, those in trouble first."""
BACKLOGS = 8
FINE, COARSE = "5s", "1h"


@router.get("/")
async def show_overview(visit: Visitor) -> Response:
    """Show the queue at a glance; for a key that may only send, the page for sending."""
    if not visit.can("read"):
        return RedirectResponse(visit.dashboard.pages.url("/send"), 303)
    stats, page, workers = await asyncio.gather(
        visit.dashboard.gateway.stats(visit.caller),
        visit.dashboard.gateway.lanes(visit.caller, LANES),
        visit.client.list_workers(),
    )
    return visit.page(
        "overview.html", stats=stats, backlogs=largest(page.lanes, BACKLOGS),
        trouble=troubled(page.lanes), lanes_health=summary(page.lanes), workers=workers.workers,
        looked_at=len(page.lanes) if page.cursor else None,
        fine=stats.series.get(FINE), coarse=stats.series.get(COARSE),
    )  # fmt: skip


@router.get("/stats.json", dependencies=[needs("read")])
async def send_stats(visit: Visitor) -> Response:
    """Send what the charts draw."""
    stats = await visit.dashboard.gateway.stats(visit.caller)
    return Response(msgspec.json.encode(stats.series), media_type="application/json")
