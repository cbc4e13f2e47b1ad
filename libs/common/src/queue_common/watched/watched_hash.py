"""A hash in Redis, and this process' cached copy of it."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

import structlog

from ..errors import QueueSystemError, QueueUnavailableError
from ..queue import Key, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..queue import TaskQueue

__all__ = ["FullError", "WatchedHash"]

POLL_SECONDS = 1.0
REPLY_SECONDS = 2.0
"""After this time without a reply, Redis is asked again at the next refresh."""

logger = structlog.stdlib.get_logger(__name__)


class FullError(QueueSystemError):
    """The hash is full. Remove an entry first."""


class WatchedHash:
    """A bounded hash that is rarely written, and read by all processes from memory.

    Each change stores a new random token in the hash ``changes``. Processes read the token about
    once a second, and the whole hash if it has changed. So all processes know a change within two
    seconds. While Redis is away, they use their copy.
    """

    def __init__(
        self, queue: TaskQueue, key: Key, on_change: Callable[[dict[str, bytes]], None],
        *, max_entries: int,
    ) -> None:  # fmt: skip
        """Call ``on_change`` with all entries after the first read and after each change."""
        self._queue = queue
        self._name = key
        self._hash = queue.keys.of(key)
        self._changes = queue.keys.of(Key.CHANGES)
        self._on_change = on_change
        self._max_entries = max_entries
        self._token: bytes | None = None
        self._refreshing = asyncio.Lock()
        self._refreshed_at = float("-inf")
        self.entries: dict[str, bytes] = {}
        """The entries, as read last."""
        self.is_loaded = False
        """Whether they were read at least once."""

    async def put(self, field: str, value: bytes) -> None:
        """Write an entry; raises FullError, QueueUnavailableError."""
        await self.refresh()
        if field not in self.entries and len(self.entries) >= self._max_entries:
            msg = f"there are {self._max_entries} already"
            raise FullError(msg)
        async with self._queue.client.pipeline(transaction=True) as pipeline:
            pipeline.hset(self._hash, field, value)  # type: ignore[arg-type] # bytes are taken
            pipeline.hset(self._changes, self._name, secrets.token_hex(8))
            with translated():
                await pipeline.execute()
        await self.refresh()

    async def remove(self, *fields: str) -> bool:
        """Remove entries; return whether one was there. Raises QueueUnavailableError."""
        await self.refresh()
        if self.entries.keys().isdisjoint(fields):
            return False
        async with self._queue.client.pipeline(transaction=True) as pipeline:
            pipeline.hdel(self._hash, *fields)
            pipeline.hset(self._changes, self._name, secrets.token_hex(8))
            with translated():
                await pipeline.execute()
        await self.refresh()
        return True

    async def refresh(self, *, interval: float = 0.0) -> None:
        """Return once the hash was refreshed after this call.

        There are at least ``interval`` seconds between two refreshes, which all waiting callers
        share. Raises QueueUnavailableError.
        """
        asked_at = time.monotonic()
        async with self._refreshing:
            if self._refreshed_at > asked_at:
                return
            await asyncio.sleep(self._refreshed_at + interval - time.monotonic())
            refreshed_at = time.monotonic()
            with translated():
                async with asyncio.timeout(REPLY_SECONDS):
                    await self._read()
            self._refreshed_at = refreshed_at

    async def _read(self) -> None:
        token = await self._queue.client.hget(self._changes, self._name)  # type: ignore[misc]
        if self.is_loaded and token == self._token:
            return
        async with self._queue.client.pipeline(transaction=True) as pipeline:
            pipeline.hget(self._changes, self._name)
            pipeline.hgetall(self._hash)
            token, found = await pipeline.execute()
        self.entries = {field.decode(): value for field, value in found.items()}
        self._on_change(self.entries)
        self._token = token
        self.is_loaded = True

    async def watch(self) -> None:
        """Refresh about once a second until cancelled."""
        is_away = False
        while True:
            try:
                await self.refresh()
                is_away = False
            except QueueUnavailableError as error:
                if not is_away:
                    logger.warning("redis.not_watched", hash=self._name, reason=str(error))
                is_away = True
            await asyncio.sleep(POLL_SECONDS)
