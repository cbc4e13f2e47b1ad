"""The workers that have a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..storage.connection import translated

if TYPE_CHECKING:
    from ..storage.scripts import Scripts

__all__ = ["LiveWorker", "Workers"]

MAX_WORKERS = 1000
LISTENER = b"listener:"
"""A listener has a lease too, and is no worker."""


class LiveWorker(msgspec.Struct, frozen=True):
    """A worker whose lease lives."""

    id: str
    lease_expires_at_ms: int
    concurrency: int
    active: int
    """Tasks claimed under the lease."""


class Workers:
    """Reads who works."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def live(self) -> list[LiveWorker]:
        """Return the workers with a live lease in the order of their ids, of at most 1,000."""
        with translated():
            rows = await self._scripts.run("read_workers", MAX_WORKERS)
        found = [
            LiveWorker(lease.decode().rpartition("/")[0], expires_at, slots, active)
            for lease, expires_at, slots, active in rows
            if not lease.startswith(LISTENER)
        ]
        return sorted(found, key=lambda worker: worker.id)
