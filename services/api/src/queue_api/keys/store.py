"""The keys in Redis, and their copy in memory."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from queue_common.cancellation import cancel_and_wait
from queue_common.errors import QueueUnavailableError, UnreadableRecordError
from queue_common.queue import Key, translated
from queue_common.watched import WatchedHash

from .record import KeyRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from queue_common.queue import TaskQueue

    from ..auth.known_keys import KnownKeys

__all__ = ["KeyStore"]

MAX_KEYS = 10_000
"""Max keys, which take a few MB in each process."""
EXPIRED_KEPT_MS = 30 * 24 * 3600 * 1000
"""How long a key is listed after its end."""
USED_SECONDS = 15.0
"""The time between two writes of the last uses, by one process."""
RECHECK_SECONDS = 0.25
"""Min time between two reads of Redis because of unknown keys."""

logger = structlog.stdlib.get_logger(__name__)


class KeyStore:
    """Creates, lists and revokes keys, and keeps ``known`` up to date."""

    def __init__(self, queue: TaskQueue, known: KnownKeys) -> None:
        self._queue = queue
        self._known = known
        self._hash = WatchedHash(queue, Key.API_KEYS, self._take, max_entries=MAX_KEYS)
        self.records: dict[str, KeyRecord] = {}
        """The keys by id, as read last."""

    def _take(self, entries: Mapping[str, bytes]) -> None:
        self.records = {}
        for key_id, raw in entries.items():
            try:
                self.records[key_id] = KeyRecord.decode(raw)
            except UnreadableRecordError as error:
                logger.warning("key.unreadable", key_id=key_id, reason=str(error))
        self._known.by_id = {key.encode(): r.known() for key, r in self.records.items()}
        self._known.is_loaded = True

    async def add(self, record: KeyRecord) -> None:
        """Store a new key; raises FullError, QueueUnavailableError.

        Keys that expired 30 days ago are removed; if there is no room, all that have expired.
        """
        await self.refresh()
        is_full = len(self._hash.entries) >= MAX_KEYS
        limit_ms = time.time() * 1000 - (0 if is_full else EXPIRED_KEPT_MS)
        ended = [
            key_id
            for key_id, known in self.records.items()
            if known.expires_at_ms is not None and known.expires_at_ms <= limit_ms
        ]
        if ended:
            await self._remove(ended)
        await self._hash.put(record.id, record.encode())

    async def revoke(self, key_id: str) -> bool:
        """Delete a key; return whether it was there. Raises QueueUnavailableError."""
        return await self._remove([key_id])

    async def _remove(self, key_ids: list[str]) -> bool:
        was_there = await self._hash.remove(*key_ids)
        with translated():
            await self._queue.client.hdel(self._queue.keys.of(Key.API_KEYS_USED), *key_ids)  # type: ignore[misc]
        return was_there

    async def refresh(self) -> None:
        """Read changed keys; raises QueueUnavailableError."""
        await self._hash.refresh()

    async def look_again(self) -> bool:
        """Read changed keys because of an unknown key; return whether that was possible.

        This finds a key that another process has just created.
        """
        try:
            await self._hash.refresh(interval=RECHECK_SECONDS)
        except QueueUnavailableError:
            return False
        return True

    async def last_used(self, key_ids: list[str]) -> dict[str, int]:
        """Return the last use of each used key, in Unix ms rounded to the minute.

        Raises QueueUnavailableError.
        """
        if not key_ids:
            return {}
        with translated():
            found = await self._queue.client.hmget(  # type: ignore[misc]
                self._queue.keys.of(Key.API_KEYS_USED), key_ids
            )
        return {key: int(at) * 60_000 for key, at in zip(key_ids, found, strict=True) if at}

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep ``known`` up to date, and write the last uses."""
        with suppress(QueueUnavailableError):
            await self.refresh()
        tasks = [asyncio.create_task(self._hash.watch()), asyncio.create_task(self._write_used())]
        try:
            yield
        finally:
            await cancel_and_wait(tasks)
            await self._flush_used()

    async def _write_used(self) -> None:
        while True:
            await asyncio.sleep(USED_SECONDS)
            await self._flush_used()

    async def _flush_used(self) -> None:
        used, self._known.used = self._known.used, set()
        used &= self._known.by_id.keys()
        if not used:
            return
        minute = int(time.time() // 60)
        with suppress(QueueUnavailableError), translated():
            await self._queue.client.hset(  # type: ignore[misc]
                self._queue.keys.of(Key.API_KEYS_USED),
                mapping={key.decode(): minute for key in used},
            )
