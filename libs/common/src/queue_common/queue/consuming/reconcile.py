"""Finds claims that Redis assigned to this process in a reply that was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from ..claim import claims_from
from ..storage.connection import reply, translated
from ..storage.keys import Key

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..claim import Claim
    from ..storage.keys import Keys
    from .in_flight import InFlight

__all__ = ["Reconciler"]


class Reconciler:
    """Compares the claims of a lease in Redis with those in flight here.

    If the reply to a claim is lost, Redis has assigned tasks that this process does not know about.
    Without reconciliation the lease would keep them claimed indefinitely.

    ========  ===================  ============================================================
    state     ``needs_reconcile``  it ends with
    ========  ===================  ============================================================
    in step   False                a claim without a reply; a renewal that counts more claims
    in doubt  True                 ``unknown_claims``, before the next round trip
    ========  ===================  ============================================================
    """

    def __init__(self, client: Redis, keys: Keys, in_flight: InFlight) -> None:
        self._client = client
        self._keys = keys
        self._in_flight = in_flight
        self.needs_reconcile = False

    def compare(self, lease: str, claimed: int) -> bool:
        """Return whether Redis counts more claims under the lease than this process holds."""
        if claimed <= self._in_flight.count(lease):
            return False
        self.needs_reconcile = True
        return True

    async def lease_lives(self, lease: str) -> bool:
        """Return whether Redis knows the lease; False if it cannot be asked."""
        try:
            return await self._client.zscore(self._keys.of(Key.WORKERS), lease) is not None
        except RedisError:
            return False

    async def unknown_claims(self, lease: str) -> list[Claim]:
        """Return the lease's claims that are not in flight; raises QueueUnavailableError."""
        with translated():
            key = self._keys.of(Key.CLAIMED, lease)
            claimed: dict[bytes, bytes] = await reply(self._client.hgetall(key))
            found: list[bytes] = []
            for task_id in claimed:
                if not self._in_flight.holds(lease, task_id.decode()):
                    raw = await self._client.get(self._keys.of(Key.RECORD, task_id.decode()))
                    found += [task_id, claimed[task_id], raw or b""]
        self.needs_reconcile = False
        return claims_from(lease, found, len(found) // 3)
