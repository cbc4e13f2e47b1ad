"""Connections kept for further requests. Every operation is O(1)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["IDLE_SECONDS", "Destination", "Pool"]

IDLE_SECONDS = 30.0
"""How long a connection is kept for the next request."""


class Destination(NamedTuple):
    """Scheme, host and port. Requests to the same destination may share a connection."""

    scheme: str
    host: str
    """In ASCII, IPv6 without brackets."""
    port: int


class Pool:
    """Keeps connections by destination. The one used last is taken first.

    A kept connection is closed after ``idle_seconds``. If more than ``max_open`` connections would
    be open, in use and kept, the oldest kept one of any destination is closed. Connections in use
    are limited by the caller and never closed here.
    """

    def __init__(self, *, max_open: int, idle_seconds: float) -> None:
        self._max_open = max_open
        self._idle_seconds = idle_seconds
        # Both are in the order of keeping: the first is the oldest, the last was used last.
        self._idle: dict[Connection, Destination] = {}
        self._by_destination: dict[Destination, dict[Connection, None]] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False
        self.open = 0
        """Number of open connections, in use and kept."""

    @property
    def idle(self) -> int:
        """Number of kept connections."""
        return len(self._idle)

    def opened(self) -> None:
        """Count a new connection. If there are too many, close the oldest kept one."""
        self.open += 1
        if self.open > self._max_open and self._idle:
            self._close_oldest()

    def lost(self, connection: Connection) -> None:
        """Remove a connection that has closed, kept or in use."""
        self.open -= 1
        self._remove(connection)

    def take(self, destination: Destination) -> Connection | None:
        """Remove and return a kept connection to ``destination``; None if there is none."""
        kept = self._by_destination.get(destination)
        if kept is None:
            return None
        connection, _ = kept.popitem()
        if not kept:
            del self._by_destination[destination]
        del self._idle[connection]
        return connection

    def keep(self, connection: Connection, destination: Destination) -> None:
        """Keep an idle connection, or close it if there are too many."""
        if self._closed or self.open > self._max_open:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self._idle[connection] = destination
        kept = self._by_destination.get(destination)
        if kept is None:
            kept = self._by_destination[destination] = {}
        kept[connection] = None
        if self._expiry is None:
            self._expire_in(self._idle_seconds)

    def close(self) -> None:
        """Close all kept connections, and every one that would be kept later."""
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        while self._idle:
            self._close_oldest()

    def _remove(self, connection: Connection) -> None:
        destination = self._idle.pop(connection, None)
        if destination is None:
            return
        kept = self._by_destination[destination]
        del kept[connection]
        if not kept:
            del self._by_destination[destination]

    def _close_oldest(self) -> None:
        oldest = next(iter(self._idle))
        self._remove(oldest)
        oldest.close()

    def _close_expired(self) -> None:
        self._expiry = None
        while self._idle:
            idle_seconds = time.monotonic() - next(iter(self._idle)).idle_since
            if idle_seconds < self._idle_seconds:
                self._expire_in(self._idle_seconds - idle_seconds)
                return
            self._close_oldest()

    def _expire_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(seconds, self._close_expired)
