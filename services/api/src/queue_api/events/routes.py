"""Watching events."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from queue_common.lanes import split_lane
from queue_common.queue import TooManyWatchersError, a_gap
from queue_common.task import State

from ..auth import MayRead
from ..parameters import Query, invalid_request, written_time
from ..problems import FieldError, ProblemError
from ..tasks.manage.filters import one_of, read_labels, read_lane
from . import openapi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from queue_common.queue import EventHub, WatchedEvent, Watcher

    from ..app_context import AppContext
    from ..auth import Principal

__all__ = ["router"]

router = APIRouter(tags=["events"])
KEEP_ALIVE_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often a stream looks if its client has left, its key is revoked, or the process stops."""
_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
_encoder = msgspec.json.Encoder()


@router.get(openapi.PATH, openapi_extra=openapi.EVENTS)
async def watch_events(request: Request, principal: MayRead) -> Response:
    """Tell what happens to the project's tasks and lanes, as Server-Sent Events.

    Nothing is published while nobody watches: the first events are of what happens once the stream
    has begun. They are published for 10 more minutes after the last client left. With
    `Last-Event-ID` a client that was cut off goes on where it was; an event `gap` says that some
    may be missing. A client that does not read is cut off, and so is one whose key is revoked or
    expires. A comment line comes every 15 s.
    """
    context: AppContext = request.app.state.api
    hub = context.queue.event_hub
    wants = _read_filter(Query(request, {"state", "lane", "label", "types"}), principal)
    last = request.headers.get("last-event-id") or None
    if last is not None and not _ID.fullmatch(last):
        raise invalid_request([FieldError("Last-Event-ID", "should be the id of an event")])
    try:
        watcher = await hub.watch(wants)
    except TooManyWatchersError:
        detail = "1,000 clients watch in this process already."
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS, "limit-exceeded", detail, headers={"Retry-After": "5"}
        ) from None
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _Stream(request, hub, watcher, lambda: context.authenticator.is_valid(principal))
    return StreamingResponse(stream.parts(last), headers=headers, media_type="text/event-stream")


def _read_filter(query: Query, principal: Principal) -> Callable[[dict[str, Any]], bool]:
    """Return what accepts the events that a client asks for; raises ProblemError 422."""
    state = query.read("state", one_of(State))
    wanted = read_lane(query, principal)
    lane = None if wanted is None else split_lane(wanted)[1]
    labels = read_labels(query.texts("label"), query.errors)
    types = query.read("types", _types)
    query.check()
    project = None if principal.all_projects else principal.project

    def wants(fields: dict[str, Any]) -> bool:
        own: dict[str, str] = fields["labels"]
        return (
            project in {None, fields["project"]}
            and (state is None or fields["state"] == state)
            and (lane is None or fields["lane"] == lane)
            and (types is None or fields["type"] in types)
            and all(own.get(key) == value for key, value in labels)
        )

    return wants


def _types(text: str) -> frozenset[str]:
    types = frozenset(name.strip() for name in text.split(","))
    if not types <= set(openapi.TYPES):
        msg = f"should be of {', '.join(openapi.TYPES)}"
        raise ValueError(msg)
    return types


class _Stream:
    """What a client is sent. It ends once its key is revoked or has expired."""

    def __init__(
        self, request: Request, hub: EventHub, watcher: Watcher, may_watch: Callable[[], bool]
    ) -> None:
        self._request = request
        self._hub = hub
        self._watcher = watcher
        self._may_watch = may_watch

    async def parts(self, last: str | None) -> AsyncIterator[bytes]:
        """Write the events, those after ``last`` first."""
        try:
            yield b": watching\n\n"
            if last is not None:
                async for part in self._past(last):
                    yield part
            async for part in self._live():
                yield part
        finally:
            self._hub.leave(self._watcher)

    async def _live(self) -> AsyncIterator[bytes]:
        silent = 0.0
        while not self._watcher.ended and not await self._request.is_disconnected():
            event = await self._watcher.next(LOOK_SECONDS)
            if not self._may_watch():
                return
            silent = silent + LOOK_SECONDS if event is None else 0.0
            if event is not None:
                yield _written(event)
            elif silent >= KEEP_ALIVE_SECONDS:
                silent = 0.0
                yield b": keep-alive\n\n"

    async def _past(self, last: str) -> AsyncIterator[bytes]:
        """Write the events between the client's last one and the first that the watcher gets."""
        until, has_gap = self._watcher.begins_after, False
        while True:
            page = await self._hub.past(last, until)
            if page.has_gap:
                has_gap = True
                yield _written(a_gap())
            for event in page.events:
                if not self._may_watch():
                    return
                if self._watcher.wants(event):
                    yield _written(event)
            if not page.events:
                break
            last = page.events[-1].id
        if has_gap and until != "0-0":
            # The gap is behind the client now, also if no event passes its filter for long.
            yield f"id: {until}\n\n".encode()


def _written(event: WatchedEvent) -> bytes:
    fields = dict(event.fields)
    kind = fields["type"]
    at = written_time(fields.pop("at_ms"))
    if event.is_gap:
        return b"event: gap\ndata: %b\n\n" % _encoder.encode({"type": kind, "at": at})
    next_at = written_time(fields.pop("next_at_ms"))
    data = {"type": kind, "at": at, "next_attempt_at": next_at, **fields}
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        event.id.encode(), kind.encode(), _encoder.encode(data),
    )  # fmt: skip
