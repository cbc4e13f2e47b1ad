"""Records management actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from queue_common.errors import QueueUnavailableError
from queue_common.queue import Key, translated

from ..parameters import written_time
from .schemas import AuditEntry, AuditPage

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue

    from ..auth import Principal

__all__ = ["AuditTrail"]

ACTION = "api.managed"
"""The event of the log line."""

logger = structlog.stdlib.get_logger(__name__)


class AuditTrail:
    """The log line, and the stream in Redis that holds about the last ``max_entries``."""

    def __init__(self, queue: TaskQueue, max_entries: int) -> None:
        self._queue = queue
        self._max_entries = max_entries

    async def record(
        self, principal: Principal, action: str, target: str, **details: object
    ) -> None:
        """Record an ``action`` such as ``key.create`` on ``target``.

        ``details`` must not have secrets. If Redis fails, the log line remains.
        """
        who = {
            "key_id": principal.key_id, "key_name": principal.name, "project": principal.project,
        }  # fmt: skip
        what = {"action": action, "target": target}
        logger.info(ACTION, **who, **what, **details)
        if self._max_entries == 0:
            return
        entry = msgspec.json.encode({**who, **what, "details": details})
        try:
            with translated():
                await self._queue.client.xadd(
                    self._queue.keys.of(Key.AUDIT), {"e": entry},
                    maxlen=self._max_entries, approximate=True,
                )  # fmt: skip
        except QueueUnavailableError as error:
            logger.warning("audit.not_stored", reason=str(error), **who, **what)

    async def page(self, cursor: str | None, limit: int) -> AuditPage:
        """Return entries after ``cursor``, newest first; raises QueueUnavailableError."""
        newest = "+" if cursor is None else f"({cursor}"
        with translated():
            found = await self._queue.client.xrevrange(
                self._queue.keys.of(Key.AUDIT), newest, "-", count=limit + 1
            )
        entries = [_entry(entry_id.decode(), fields[b"e"]) for entry_id, fields in found[:limit]]
        return AuditPage(entries, entries[-1].id if len(found) > limit else None)


def _entry(entry_id: str, raw: bytes) -> AuditEntry:
    at = written_time(int(entry_id.partition("-")[0]))
    return msgspec.convert({"id": entry_id, "at": at, **msgspec.json.decode(raw)}, AuditEntry)
