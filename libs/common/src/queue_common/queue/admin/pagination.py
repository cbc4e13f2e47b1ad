"""Pages of task ids by state, each read from the structure that holds them in O(page)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...task import State
from ..storage.codes import STATE_QUEUED, STATE_SCHEDULED
from ..storage.connection import reply, translated
from ..storage.keys import Key

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..storage.keys import Keys
    from ..storage.scripts import Scripts

__all__ = ["Pagination"]

_RESULT_ID_AT = 22
"""An entry of ``Key.RESULTS``: the expiry in 13 digits, the bytes in 9, and the id."""

_CURSOR_DIGITS = 20
"""HSCAN's cursor is a u64; offsets are shorter."""

_Ids = tuple[list[str], str | None]


def _cursor(place: str, offset: int) -> str:
    return f"{offset}:{place}"


def _parse(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return "", 0
    offset, colon, place = cursor.partition(":")
    if not colon or not offset.isdecimal() or len(offset) > _CURSOR_DIGITS:
        msg = f"not a cursor of this queue: {cursor!r}"
        raise ValueError(msg)
    return place, int(offset)


class Pagination:
    """Finds the ids of a page and the cursor of the next."""

    def __init__(self, client: Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys

    async def ids(self, state: State, lane: str | None, cursor: str | None, limit: int) -> _Ids:
        """Return up to ``limit`` ids, perhaps some of other lanes, and the next cursor."""
        place, offset = _parse(cursor)
        with translated():
            match state:
                case State.QUEUED | State.SCHEDULED:
                    return await self._by_lane(state, lane, place, offset, limit)
                case State.ACTIVE:
                    return await self._active(place, offset, limit)
                case State.DEAD:
                    return await self._dead(lane, offset, limit)
                case State.DELIVERED | State.CANCELLED:
                    return await self._settled(offset, limit)

    async def _by_lane(
        self, state: State, lane: str | None, place: str, offset: int, limit: int
    ) -> _Ids:
        code = STATE_QUEUED if state is State.QUEUED else STATE_SCHEDULED
        stay = lane is not None
        name, skip, *ids = await self._scripts.run(
            "list", code, lane if lane is not None else place, offset, limit, int(stay)
        )
        next_cursor = None if skip < 0 else _cursor(name.decode(), skip)
        return [i.decode() for i in ids], next_cursor

    async def _active(self, place: str, offset: int, limit: int) -> _Ids:
        """Walk the claims lease by lease; ``offset`` is HSCAN's cursor."""
        leases = sorted(
            {
                *await reply(self._client.zrange(self._keys.of(Key.WORKERS), 0, -1)),
                *await reply(self._client.smembers(self._keys.of(Key.LOST))),
            }
        )
        ahead = [lease for lease in leases if lease.decode() >= place]
        if not ahead:
            return [], None
        lease = ahead[0].decode()
        begin = offset if lease == place else 0
        at, claims = await self._client.hscan(self._keys.of(Key.CLAIMED, lease), begin, count=limit)
        ids = [i.decode() for i in claims]
        if at:
            return ids, _cursor(lease, at)
        return ids, _cursor(ahead[1].decode(), 0) if len(ahead) > 1 else None

    async def _dead(self, lane: str | None, offset: int, limit: int) -> _Ids:
        key = self._keys.of(Key.DEAD) if lane is None else self._keys.of(Key.DEAD_IN_LANE, lane)
        ids = await reply(self._client.zrevrange(key, offset, offset + limit - 1))
        next_cursor = _cursor("", offset + limit) if len(ids) == limit else None
        return [i.decode() for i in ids], next_cursor

    async def _settled(self, offset: int, limit: int) -> _Ids:
        entries = await reply(
            self._client.lrange(self._keys.of(Key.RESULTS), -offset - limit, -offset - 1)
        )
        next_cursor = _cursor("", offset + limit) if len(entries) == limit else None
        return [e[_RESULT_ID_AT:].decode() for e in reversed(entries)], next_cursor
