"""Watching events: one reader of Redis in a process, however many watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog
from redis.exceptions import RedisError

from ...cancellation import cancel_and_wait
from ...errors import QueueUnavailableError
from ..storage.connection import ReconnectBackoff, translated
from ..storage.keys import Key
from .events import FRESH_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from ..storage.keys import Keys
    from ..storage.scripts import Scripts

__all__ = ["EventHub", "TooManyWatchersError", "WatchedEvent", "Watcher"]

MAX_WATCHERS: Final = 1000
MAX_WATCHER_BYTES: Final = 1 << 20
"""What waits for a slow watcher; one with more is cut off, and resumes where it was."""
WATCH_MS: Final = 30_000
RENEWAL_SECONDS: Final = 10.0
BLOCK_MS: Final = 2000
PAGE: Final = 500

NOTICED_SECONDS: Final = FRESH_SECONDS + 0.1
"""After this time all processes publish for a new watcher."""

logger = structlog.stdlib.get_logger(__name__)


class TooManyWatchersError(Exception):
    """1,000 watch in this process already."""


class WatchedEvent(NamedTuple):
    """An event as it was published."""

    id: str
    """Sorts by time; a watcher resumes behind it."""
    fields: dict[str, Any]
    size: int


class Watcher:
    """Gets the events that ``wants`` accepts; ``too_slow`` once it is cut off."""

    def __init__(self, wants: Callable[[dict[str, Any]], bool]) -> None:
        self._wants = wants
        self._queue: asyncio.Queue[WatchedEvent] = asyncio.Queue()
        self._bytes = 0
        self.ended = False
        """No event comes any more: the process stops, or the watcher was too slow."""
        self.begins_after = "0-0"
        """Id of the last event before the first that it gets."""

    def offer(self, event: WatchedEvent) -> None:
        """Take an event, unless it is not wanted."""
        if self.ended or not self._wants(event.fields):
            return
        self._bytes += event.size
        if self._bytes > MAX_WATCHER_BYTES:
            self.ended = True
            return
        self._queue.put_nowait(event)

    def wants(self, event: WatchedEvent) -> bool:
        """Say whether an event is wanted."""
        return self._wants(event.fields)

    async def next(self, timeout_seconds: float) -> WatchedEvent | None:
        """Return the next event; None if none comes in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                event = await self._queue.get()
        except TimeoutError:
            return None
        self._bytes -= event.size
        return event


class EventHub:
    """Reads the events while there are watchers, and hands each to all of them."""

    def __init__(
        self, open_client: Callable[[], Redis], scripts: Scripts, keys: Keys,
        on_watch: Callable[[], None],
    ) -> None:  # fmt: skip
        """``open_client`` opens a connection for blocking reads.

        ``on_watch`` is called once somebody watches.
        """
        self._on_watch = on_watch
        self._open_client = open_client
        self._scripts = scripts
        self._key = keys.of(Key.EVENTS)
        self._watchers: set[Watcher] = set()
        self._reading: asyncio.Task[None] | None = None
        self._client: Redis | None = None
        self._position = "0-0"
        self._started = asyncio.Lock()
        self.closed = False

    async def watch(self, wants: Callable[[dict[str, Any]], bool]) -> Watcher:
        """Begin to watch: from the return on, nothing that happens in any process is missed.

        Raises QueueUnavailableError, TooManyWatchersError.
        """
        if len(self._watchers) >= MAX_WATCHERS:
            raise TooManyWatchersError
        async with self._started:
            if self._reading is None or self._reading.done():
                self._position = await self._renew()
                self._client = self._client or self._open_client()
                self._reading = asyncio.create_task(self._read(self._client))
        self._on_watch()
        watcher = Watcher(wants)
        watcher.begins_after = self._position
        watcher.ended = self.closed
        self._watchers.add(watcher)
        try:
            await asyncio.sleep(NOTICED_SECONDS)
        except asyncio.CancelledError:
            self.leave(watcher)
            raise
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Stop to watch."""
        self._watchers.discard(watcher)

    async def past(self, after: str, until: str) -> list[WatchedEvent]:
        """Return up to 500 kept events: after ``after``, through ``until``."""
        with translated():
            entries = await self._scripts.client.xrange(self._key, f"({after}", until, count=PAGE)
        return [_event(*entry) for entry in entries]

    async def _renew(self) -> str:
        with translated():
            last: bytes = await self._scripts.run("watch_events", WATCH_MS)
        return last.decode()

    async def _read(self, client: Redis) -> None:
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + RENEWAL_SECONDS
        backoff, failures = ReconnectBackoff(cap=2.0, base=0.1), 0
        while self._watchers or failures == 0:
            try:
                if loop.time() >= renew_at:
                    await self._renew()
                    renew_at = loop.time() + RENEWAL_SECONDS
                found = await client.xread({self._key: self._position}, count=PAGE, block=BLOCK_MS)
                failures = 0
            except (RedisError, QueueUnavailableError, OSError) as error:
                failures += 1
                logger.debug("events.waiting", reason=str(error))
                await asyncio.sleep(backoff.compute(failures))
                continue
            for entry in found[0][1] if found else ():
                self._hand_out(_event(*entry))
            if not self._watchers:
                return

    def _hand_out(self, event: WatchedEvent) -> None:
        self._position = event.id
        for watcher in self._watchers:
            watcher.offer(event)

    def stop(self) -> None:
        """Let all watchers end."""
        self.closed = True
        for watcher in self._watchers:
            watcher.ended = True

    async def close(self) -> None:
        """Stop to read."""
        self.stop()
        if self._reading is not None:
            await cancel_and_wait([self._reading])
        if self._client is not None:
            await self._client.aclose()


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> WatchedEvent:
    raw = fields[b"e"]
    return WatchedEvent(event_id.decode(), msgspec.json.decode(raw), len(raw))
