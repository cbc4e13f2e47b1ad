"""What Redis knows of a lease, read after a reply was lost on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from .claim import claims_from
from .storage.connection import reply, translated
from .storage.keys import Key

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .claim import Claim
    from .in_flight import InFlight
    from .storage.keys import Keys

__all__ = ["lease_lives", "unknown_claims"]


async def lease_lives(client: Redis, keys: Keys, lease: str) -> bool:
    """Return whether Redis knows the lease; False if it cannot be asked."""
    try:
        return await client.zscore(keys.of(Key.WORKERS), lease) is not None
    except RedisError:
        return False


async def unknown_claims(client: Redis, keys: Keys, lease: str, in_flight: InFlight) -> list[Claim]:
    """Return the lease's claims that this process does not know of; it raises if Redis is away."""
    with translated():
        claimed: dict[bytes, bytes] = await reply(client.hgetall(keys.of(Key.CLAIMED, lease)))
        found: list[bytes] = []
        for task_id in claimed:
            if not in_flight.holds(lease, task_id.decode()):
                raw = await client.get(keys.of(Key.RECORD, task_id.decode()))
                found += [task_id, claimed[task_id], raw or b""]
    return claims_from(lease, found, len(found) // 3)
