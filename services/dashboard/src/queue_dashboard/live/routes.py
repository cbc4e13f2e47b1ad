"""Live pages: the tail, and the stream of events that all pages listen to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from ..access.visit import Visitor, needs
from ..view.words import cut, iso, ms, outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from queue_client import Event

    from ..access.visit import Visit

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])

KEEP_ALIVE_SECONDS = 15.0
_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
FIELDS = ("type", "state", "lane", "task_id")
_encoder = msgspec.json.Encoder()


@router.get("/live")
async def show_tail(visit: Visitor) -> Response:
    """Show what happens, as it happens."""
    recent = visit.dashboard.hub.recent(visit.caller)
    rows = [_row(event) for event in reversed(recent) if _fits(event, visit)]
    return visit.page("live.html", rows=rows, after=recent[-1].id if recent else None)


@router.get("/live/events")
async def send_events(visit: Visitor) -> Response:
    """Send the caller's events that fit the filter in the URL."""
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingResponse(_stream(visit), headers=headers, media_type="text/event-stream")


async def _stream(visit: Visit) -> AsyncIterator[bytes]:
    hub, away = visit.dashboard.hub, False
    async with hub.subscribe(visit.caller, _last_event_id(visit)) as subscription:
        yield b"retry: 2000\n\n"
        while True:
            if subscription.away != away:
                away = subscription.away
                yield b"event: %s\ndata: 1\n\n" % (b"away" if away else b"back")
            events = await subscription.take(KEEP_ALIVE_SECONDS)
            if subscription.missed:
                yield b"event: missed\ndata: %d\n\n" % subscription.missed
                subscription.missed = 0
            rows = [_message(event) for event in events if _fits(event, visit)]
            yield b"".join(rows) or b": keep-alive\n\n"
            if subscription.ended:
                yield b"event: ended\ndata: 1\n\n"
                return


def _last_event_id(visit: Visit) -> str | None:
    """Return what the page has had last: a browser's header, or ``after`` of a new connection."""
    last = visit.request.headers.get("last-event-id") or visit.query.get("after", "")
    return last if _ID.fullmatch(last) else None


def _fits(event: Event, visit: Visit) -> bool:
    """Whether an event has what the URL asks for; ``label`` is ``key:value``."""
    query = visit.query
    for field in FIELDS:
        if field in query and getattr(event, field) != query[field]:
            return False
    key, _, value = query.get("label", "").partition(":")
    return not key or event.labels.get(key) == value


def _row(event: Event) -> dict[str, str | int | None]:
    """Return what the tail shows of an event, as text that hides nothing."""
    count = f"{event.count:,} tasks" if event.count else None
    missing = "some events may be missing before this" if event.type == "gap" else None
    results = (event.status_code, event.outcome and outcome(event.outcome), count, missing)
    result = " ".join(str(part) for part in results if part)
    return {
        "type": event.type, "at": iso(event.at), "task_id": event.task_id,
        "state": event.state or event.type.rpartition(".")[2], "lane": cut(event.lane or ""),
        "url": cut(event.url or ""), "attempt": event.attempt, "result": result,
        "took": ms(event.duration_ms) if event.duration_ms is not None else "",
    }  # fmt: skip


def _message(event: Event) -> bytes:
    lines = b"data: " + _encoder.encode(_row(event)) + b"\n\n"
    known = event.id is not None and event.id.isascii() and event.id.isprintable()
    return (b"id: %s\n" % event.id.encode() if known and event.id else b"") + lines
