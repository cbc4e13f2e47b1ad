"""The leases and claims of listeners.

A listener is a lease in Redis, and nothing else: any API process serves any of its calls. Its
claims are those of a worker: fenced by the lease, settled by the same script, and given back by
the workers' reaper once the lease has ended.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ...errors import LeaseLostError
from ..claim import claims_from
from ..storage.connection import reply, translated
from ..storage.keys import Key, Keys
from .outbox import entry_after
from .settlement import release_arguments, settle_arguments

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ...retry import Decision
    from ...sealing import Sealer
    from ...task import Attempt
    from ..activity import Activity
    from ..claim import Claim
    from ..storage.retention import Retention
    from ..storage.scripts import Argument, Scripts

__all__ = ["Listeners"]

LEASE_MS = 30_000
MAX_LISTENERS = 100
MAX_CLAIMS = 50
"""Tasks that one listener holds at a time."""
PREFIX = "listener:"
LOST, CANCELLED_INSTEAD = 0, 2
"""Results of ``settle.lua``."""


class Listeners:
    """Lanes that are served by listeners. All methods raise QueueUnavailableError."""

    def __init__(
        self, client: Redis, scripts: Scripts, keys: Keys, retention: Retention,
        activity: Activity, sealer: Sealer,
    ) -> None:  # fmt: skip
        self._client = client
        self._scripts = scripts
        self._keys = keys
        self._retention = retention
        self._activity = activity
        self._sealer = sealer

    async def create(self, lane: str) -> str | None:
        """Keep a lane from the workers and return the id of its listener; None: too many exist.

        The listener lives for 30 s from now and from each ``claim``. It replaces the listener that
        the lane has.
        """
        listener_id = secrets.token_hex(16)
        lease = PREFIX + listener_id
        with translated():
            made = await self._scripts.run("listen", lease, LEASE_MS, lane, MAX_LISTENERS)
        return listener_id if made else None

    async def lane_of(self, listener_id: str) -> str | None:
        """Return a listener's lane; None if it is gone."""
        key = self._keys.of(Key.LISTENERS)
        with translated():
            kept: bytes | str | None = await reply(self._client.hget(key, PREFIX + listener_id))
        text = kept.decode() if isinstance(kept, bytes) else kept
        return text[1:] if text else None

    async def claim(self, listener_id: str) -> Claim | None:
        """Renew a listener and return its next task, if there is one.

        Raises LeaseLostError if the listener is gone.
        """
        lease = PREFIX + listener_id
        with translated():
            found = await self._scripts.run("claim_listened", lease, LEASE_MS, MAX_CLAIMS)
        if found is None:
            msg = "the listener is gone"
            raise LeaseLostError(msg)
        return claims_from(lease, found, 1)[0] if found else None

    async def claims(self, listener_id: str) -> list[Claim]:
        """Return the tasks that a listener holds; ``record.at_ms`` is when it got them."""
        lease = PREFIX + listener_id
        with translated():
            held = await reply(self._client.hgetall(self._keys.of(Key.CLAIMED, lease)))
            ids = [*held]
            keys = [self._keys.of(Key.RECORD, task_id.decode()) for task_id in ids]
            records = await self._client.mget(keys) if keys else []
        parts = [
            part
            for task_id, record in zip(ids, records, strict=True)
            if record is not None
            for part in (task_id, held[task_id], record)
        ]
        return claims_from(lease, parts, len(ids))

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> bool:
        """Write how an attempt ended; True: a client had cancelled the task.

        Raises LeaseLostError if the claim is not the listener's any more; nothing was written then.
        """
        ttl_ms = self._retention.result_ttl_ms
        # A worker moves on what follows, by its next renewal.
        follows = entry_after(claim, attempt, decision, self._sealer)
        arguments = settle_arguments(claim, attempt, decision, ttl_ms, follows=follows)
        (result,) = await self._settle(claim.lease, *arguments)
        if result == LOST:
            msg = f"task {claim.task_id}: the delivery does not belong to this listener any more"
            raise LeaseLostError(msg)
        cancelled = result == CANCELLED_INSTEAD
        self._activity.settled(claim, attempt, decision, cancelled=cancelled)
        return cancelled

    async def end(self, listener_id: str) -> None:
        """Give the lane and the tasks of a listener back to the workers; no attempt is counted."""
        lease = PREFIX + listener_id
        claims = await self.claims(listener_id)
        if claims:
            await self._settle(lease, *(p for claim in claims for p in release_arguments(claim)))
        with translated():
            await self._scripts.run("end_lease", lease)

    async def _settle(self, lease: str, *arguments: Argument) -> list[int]:
        kept = self._retention
        with translated():
            results: list[int] = await self._scripts.run(
                "settle", lease, kept.result_ttl_ms, kept.result_max, kept.dead_ttl_ms,
                kept.dead_max, 0, *arguments,
            )  # fmt: skip
        return results
