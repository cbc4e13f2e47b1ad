"""Passes events on: however many pages are open, the API has one reader for each caller."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from queue_client import AuthenticationError, PermissionDeniedError, QueueClientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from queue_client import AsyncQueueClient, Event

    from ..gateway import Caller, Gateway

__all__ = ["Hub", "Subscription"]

log = structlog.get_logger()

RECENT = 200
"""Events that a page which was away for a moment, or opens now, still gets."""
MAX_PENDING = 500
"""Events that wait for a slow page; the oldest are dropped, and the page is told."""
LINGER_SECONDS = 5.0
"""How long a stream goes on without a page: from one page to the next takes less."""
AGAIN_SECONDS = 2.0
WATCH_SECONDS = 2.0
"""How often the API is asked if it answers: one that hangs breaks no stream."""


class Subscription:
    """What one page has still to get."""

    def __init__(self) -> None:
        self._pending: deque[Event] = deque(maxlen=MAX_PENDING)
        self._news = asyncio.Event()
        self.missed = 0
        """Events dropped since they were last taken."""
        self.away = False
        """Whether the API does not answer."""
        self.ended = False
        """Whether nothing more comes: the API refuses the caller."""

    def add(self, event: Event) -> None:
        """Add an event."""
        self.missed += len(self._pending) == MAX_PENDING
        self._pending.append(event)
        self._news.set()

    def set_away(self, *, away: bool) -> None:
        """Say whether the API answers."""
        if self.away != away:
            self.away = away
            self._news.set()

    def end(self) -> None:
        """Say that nothing more comes."""
        self.ended = True
        self._news.set()

    async def take(self, seconds: float) -> list[Event]:
        """Return what has come; wait up to ``seconds`` for the first."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        taken = [*self._pending]
        self._pending.clear()
        if not self.ended:
            self._news.clear()
        return taken


class _Stream:
    """One reader of the API, and who gets what it reads."""

    def __init__(self, client: AsyncQueueClient, last_event_id: str | None) -> None:
        self._client = client
        self._last_event_id = last_event_id
        self.recent: deque[Event] = deque(maxlen=RECENT)
        self.subscriptions: set[Subscription] = set()
        self.reader = asyncio.create_task(self._read())
        self.closing: asyncio.TimerHandle | None = None

    async def _read(self) -> None:
        while True:
            try:
                async for event in self._client.events(last_event_id=self._last_event_id):
                    self._pass_on(event)
            except (AuthenticationError, PermissionDeniedError) as error:
                log.info("events.refused", reason=str(error))
                break
            except QueueClientError as error:
                log.warning("events.interrupted", reason=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
        for subscription in self.subscriptions:
            subscription.end()

    def _pass_on(self, event: Event) -> None:
        self.recent.append(event)
        self._last_event_id = event.id
        for subscription in self.subscriptions:
            subscription.add(event)


class Hub:
    """The streams that are open, by caller."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._streams: dict[Caller, _Stream] = {}
        self._away = False
        self._watcher: asyncio.Task[None] | None = None

    def recent(self, caller: Caller) -> list[Event]:
        """Return the last events of a caller's stream, the newest last; none if no page is open."""
        stream = self._streams.get(caller)
        return [*stream.recent] if stream else []

    @asynccontextmanager
    async def subscribe(
        self, caller: Caller, last_event_id: str | None = None
    ) -> AsyncIterator[Subscription]:
        """Subscribe to a caller's events, from behind ``last_event_id`` if that is still known."""
        stream = self._streams.get(caller)
        if stream is None or stream.reader.done():
            client = self._gateway.client(caller)
            stream = self._streams[caller] = _Stream(client, last_event_id)
            last_event_id = None
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        if stream.closing is not None:
            stream.closing.cancel()
        subscription = _subscription(stream.recent, last_event_id)
        subscription.set_away(away=self._away)
        stream.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            stream.subscriptions.discard(subscription)
            if not stream.subscriptions:
                loop = asyncio.get_running_loop()
                stream.closing = loop.call_later(LINGER_SECONDS, self._close, caller, stream)

    def _close(self, caller: Caller, stream: _Stream) -> None:
        stream.reader.cancel()
        if self._streams.get(caller) is stream:
            del self._streams[caller]
        if not self._streams:
            self._stop_watching()

    async def _watch(self) -> None:
        while True:
            self._away = not await self._gateway.api_answers()
            for stream in self._streams.values():
                for subscription in stream.subscriptions:
                    subscription.set_away(away=self._away)
            await asyncio.sleep(WATCH_SECONDS)

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher, self._away = None, False

    async def close(self) -> None:
        """End all streams."""
        streams = [*self._streams.values()]
        self._streams.clear()
        self._stop_watching()
        for stream in streams:
            stream.reader.cancel()
            for subscription in stream.subscriptions:
                subscription.end()
        await asyncio.gather(*(stream.reader for stream in streams), return_exceptions=True)


def _subscription(recent: deque[Event], last_event_id: str | None) -> Subscription:
    """Return a subscription that has the events since one; ``missed`` if that is forgotten."""
    subscription = Subscription()
    if last_event_id is None:
        return subscription
    ids = [event.id for event in recent]
    if last_event_id in ids:
        for event in [*recent][ids.index(last_event_id) + 1 :]:
            subscription.add(event)
    else:
        subscription.missed = 1
    return subscription
