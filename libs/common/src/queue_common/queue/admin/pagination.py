"""Pages of task ids by state, each from the structure that holds them; the cost is the page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...task import State
from ..storage.connection import reply, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..storage.scripts import Scripts

__all__ = ["Pagination"]

_RESULT_ID_AT = 22
"""An entry of the list of settled records: its expiry in 13 digits, its bytes in 9, and the id."""

_CURSOR_DIGITS = 20
"""A cursor of HSCAN is a u64; nothing of ours is longer."""

_Ids = tuple[list[str], str | None]


def _cursor(place: str, passed: int) -> str:
    return f"{passed}:{place}"


def _parse(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return "", 0
    passed, colon, place = cursor.partition(":")
    if not colon or not passed.isdecimal() or len(passed) > _CURSOR_DIGITS:
        msg = f"not a cursor of this queue: {cursor!r}"
        raise ValueError(msg)
    return place, int(passed)


class Pagination:
    """Finds the ids of a page and the cursor of the next."""

    def __init__(self, client: Redis, scripts: Scripts, key_prefix: str) -> None:
        self._client = client
        self._scripts = scripts
        self._prefix = key_prefix

    async def ids(self, state: State, lane: str | None, cursor: str | None, limit: int) -> _Ids:
        """Return at most ``limit`` ids; where a lane is named, others may be among them."""
        place, passed = _parse(cursor)
        with translated():
            match state:
                case State.QUEUED | State.SCHEDULED:
                    return await self._by_lane(state, lane, place, passed, limit)
                case State.ACTIVE:
                    return await self._active(place, passed, limit)
                case State.DEAD:
                    return await self._dead(lane, passed, limit)
                case State.DELIVERED | State.CANCELLED:
                    return await self._settled(passed, limit)

    async def _by_lane(
        self, state: State, lane: str | None, place: str, passed: int, limit: int
    ) -> _Ids:
        kind = "q" if state is State.QUEUED else "s"
        stay = lane is not None
        name, skip, *ids = await self._scripts.run(
            "list", kind, lane if lane is not None else place, passed, limit, int(stay)
        )
        following = None if skip < 0 else _cursor(name.decode(), skip)
        return [i.decode() for i in ids], following

    async def _active(self, place: str, passed: int, limit: int) -> _Ids:
        """Walk the claims lease by lease; ``passed`` is the place within a lease's hash."""
        leases = sorted(
            {
                *await reply(self._client.zrange(f"{self._prefix}workers", 0, -1)),
                *await reply(self._client.smembers(f"{self._prefix}lost")),
            }
        )
        ahead = [lease for lease in leases if lease.decode() >= place]
        if not ahead:
            return [], None
        lease = ahead[0].decode()
        begin = passed if lease == place else 0
        at, claims = await self._client.hscan(f"{self._prefix}w:{lease}", begin, count=limit)
        ids = [i.decode() for i in claims]
        if at:
            return ids, _cursor(lease, at)
        return ids, _cursor(ahead[1].decode(), 0) if len(ahead) > 1 else None

    async def _dead(self, lane: str | None, passed: int, limit: int) -> _Ids:
        key = f"{self._prefix}dead" if lane is None else f"{self._prefix}d:{lane}"
        ids = await reply(self._client.zrevrange(key, passed, passed + limit - 1))
        following = _cursor("", passed + limit) if len(ids) == limit else None
        return [i.decode() for i in ids], following

    async def _settled(self, passed: int, limit: int) -> _Ids:
        entries = await reply(
            self._client.lrange(f"{self._prefix}results", -passed - limit, -passed - 1)
        )
        following = _cursor("", passed + limit) if len(entries) == limit else None
        return [e[_RESULT_ID_AT:].decode() for e in reversed(entries)], following
