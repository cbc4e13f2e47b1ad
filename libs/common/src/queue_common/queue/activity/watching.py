"""Watching events: one reader of Redis in a process, however many watch."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog
from redis.exceptions import RedisError

from ...cancellation import cancel_and_wait
from ...errors import QueueUnavailableError
from ..storage.connection import ReconnectBackoff, translated
from ..storage.keys import Key
from .events import FRESH_SECONDS, TTL_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from ..storage.keys import Keys
    from ..storage.scripts import Scripts

__all__ = ["EventHub", "TooManyWatchersError", "WatchedEvent", "Watcher", "a_gap"]

MAX_WATCHERS: Final = 1000
MAX_WATCHER_BYTES: Final = 1 << 20
"""What waits for a slow watcher; one with more is cut off, and resumes where it was."""
PUBLISHED_MS: Final = TTL_MS
"""How long events are published after the last watcher left, which so may come back."""
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

    @property
    def is_gap(self) -> bool:
        """Whether it says that events before it may be missing. It is for each watcher."""
        return bool(self.fields["type"] == "gap")


def a_gap() -> WatchedEvent:
    """Return what a watcher is told instead of events that may be missing."""
    return WatchedEvent("", {"type": "gap", "at_ms": round(time.time() * 1000)}, 0)


class PastEvents(NamedTuple):
    """Events that were published before."""

    events: list[WatchedEvent]
    has_gap: bool
    """Events before them may be missing: nobody watched for long, or too many have happened."""


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
        if self.ended or not self.wants(event):
            return
        self._bytes += event.size
        if self._bytes > MAX_WATCHER_BYTES:
            self.ended = True
            return
        self._queue.put_nowait(event)

    def wants(self, event: WatchedEvent) -> bool:
        """Say whether an event is wanted."""
        return event.is_gap or self._wants(event.fields)

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
        self._counters = keys.of(Key.COUNTERS)
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

    async def past(self, after: str, until: str) -> PastEvents:
        """Return up to 500 kept events: after ``after``, through ``until``."""
        async with self._scripts.client.pipeline(transaction=True) as pipeline:
            pipeline.hget(self._counters, "watched_since")
            pipeline.xrange(self._key, count=1)
            pipeline.xrange(self._key, f"({after}", until, count=PAGE)
            with translated():
                since, oldest, entries = await pipeline.execute()
        at = _parsed(after)
        is_kept = bool(oldest) and at >= _parsed(oldest[0][0].decode())
        has_gap = not is_kept or at[0] < int(since or 0)
        return PastEvents([_event(*entry) for entry in entries], has_gap)

    async def _renew(self) -> str:
        with translated():
            last: bytes = await self._scripts.run("watch_events", PUBLISHED_MS)
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
                if failures:
                    # Processes that could not publish have dropped their events.
                    self._tell_all(a_gap())
                    failures = 0
            except (RedisError, QueueUnavailableError, OSError) as error:
                failures += 1
                logger.debug("events.waiting", reason=str(error))
                await asyncio.sleep(backoff.compute(failures))
                continue
            entries = found[0][1] if found else []
            if len(entries) == PAGE and await self._is_cut(client):
                self._tell_all(a_gap())
            for entry in entries:
                event = _event(*entry)
                self._position = event.id
                self._tell_all(event)
            if not self._watchers:
                return

    async def _is_cut(self, client: Redis) -> bool:
        """Return whether events behind the position are gone: the reader is too slow."""
        oldest = await client.xrange(self._key, count=1)
        return not oldest or _parsed(oldest[0][0].decode()) > _parsed(self._position)

    def _tell_all(self, event: WatchedEvent) -> None:
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


def _parsed(event_id: str) -> tuple[int, int]:
    at_ms, _, number = event_id.partition("-")
    return int(at_ms), int(number)


def _event(event_id: bytes, fields: dict[bytes, bytes]) -> WatchedEvent:
    raw = fields[b"e"]
    return WatchedEvent(event_id.decode(), msgspec.json.decode(raw), len(raw))
