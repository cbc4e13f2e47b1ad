"""Pages of task ids by state, each read from the structure that holds them in O(page).

A page continues after a position, not after a number of tasks. So tasks that appear or disappear
neither hide others nor repeat them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ....lanes import split_lane
from ....task import State
from ...storage.codes import STATE_CANCELLED, STATE_DELIVERED, STATE_QUEUED, STATE_SCHEDULED
from ...storage.connection import reply, translated
from ...storage.keys import Key

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ...storage.keys import Keys
    from ...storage.scripts import Scripts

__all__ = ["IdPage", "Pagination", "Position", "Scope"]

MAX_LOOKED_AT = 500
"""Entries of settled tasks per script call, which takes Redis about 0.5 ms."""
MAX_LEASES = 10


class Position(msgspec.Struct, array_like=True, frozen=True):
    """The position of a task in its state's structure."""

    place: str = ""
    """As ``list.lua`` has it; empty for structures that are one."""
    lane: str = ""
    """The lane, or the lease of an active task."""
    at: int = 0
    """An index, a score, or a number: what orders the structure."""
    id: str = ""
    """Empty: the structure's first task comes next."""


class Scope(NamedTuple):
    """The project and lane whose tasks are listed."""

    project: str | None = None
    """None: all projects."""
    lane: str | None = None
    """The lane's name in the queue; None: all lanes."""

    def holds(self, lane: str) -> bool:
        """Return whether tasks of this lane are listed."""
        if self.lane is not None:
            return lane == self.lane
        return self.project is None or split_lane(lane)[0] == self.project


class IdPage(NamedTuple):
    """Ids with their positions. Some may be of other projects."""

    found: list[tuple[str, Position]]
    next: Position | None
    """The position of the next page; None if this is the last."""
    scanned: int
    """Number of entries that were checked, in ``found`` or not."""


_CODES = {
    State.QUEUED: STATE_QUEUED, State.SCHEDULED: STATE_SCHEDULED,
    State.DELIVERED: STATE_DELIVERED, State.CANCELLED: STATE_CANCELLED,
}  # fmt: skip


class Pagination:
    """Finds the ids of a page and their positions."""

    def __init__(self, client: Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys

    async def ids(self, state: State, scope: Scope, position: Position, limit: int) -> IdPage:
        """Return up to ``limit`` ids after a position."""
        with translated():
            match state:
                case State.QUEUED | State.SCHEDULED:
                    return await self._by_lane(state, scope, position, limit)
                case State.ACTIVE:
                    return await self._active(scope, position, limit)
                case State.DEAD:
                    return await self._dead(scope, position, limit)
                case State.DELIVERED | State.CANCELLED:
                    return await self._settled(state, scope, position, limit)

    async def _by_lane(self, state: State, scope: Scope, position: Position, limit: int) -> IdPage:
        stay = scope.lane is not None
        lane = position.lane if scope.lane is None else scope.lane
        more, next_lane, *flat = await self._scripts.run(
            "list", _CODES[state], scope.project or "", position.place, lane, position.at,
            position.id, limit, int(stay),
        )  # fmt: skip
        found = [
            (flat[i + 3].decode(), _position(*flat[i : i + 4])) for i in range(0, len(flat), 4)
        ]
        full = len(found) >= limit
        next_lane = next_lane.decode()
        after = found[-1][1] if full else Position(lane=next_lane)
        return IdPage(found, after if more else None, len(found))

    async def _active(self, scope: Scope, position: Position, limit: int) -> IdPage:
        """Return claims lease by lease, in the order of their ids."""
        leases = sorted(
            {
                *await reply(self._client.zrange(self._keys.of(Key.WORKERS), 0, -1)),
                *await reply(self._client.smembers(self._keys.of(Key.LOST))),
            }
        )
        found: list[tuple[str, Position]] = []
        scanned = 0
        ahead = [lease.decode() for lease in leases if lease.decode() >= position.lane]
        for lease in ahead[:MAX_LEASES]:
            after = position.id if lease == position.lane else ""
            claims = await reply(self._client.hgetall(self._keys.of(Key.CLAIMED, lease)))
            scanned += len(claims)
            ids = sorted(
                i for i, lane in ((i.decode(), lane.decode()) for i, lane in claims.items())
                if i > after and scope.holds(lane)
            )  # fmt: skip
            found += [(i, Position("", lease, 0, i)) for i in ids]
            if len(found) >= limit:
                return IdPage(found[:limit], found[limit - 1][1], scanned)
        rest = ahead[MAX_LEASES:]
        return IdPage(found, Position(lane=rest[0]) if rest else None, scanned)

    async def _dead(self, scope: Scope, position: Position, limit: int) -> IdPage:
        more, *flat = await self._scripts.run(
            "list_dead", scope.project or "", scope.lane or "", position.at, position.id, limit
        )
        found = [
            (flat[i + 1].decode(), Position("", "", int(flat[i]), flat[i + 1].decode()))
            for i in range(0, len(flat), 2)
        ]
        return IdPage(found, found[-1][1] if more else None, len(found))

    async def _settled(self, state: State, scope: Scope, position: Position, limit: int) -> IdPage:
        at = position.at if position.id else -1
        last, looked, *flat = await self._scripts.run(
            "list_results", _CODES[state], scope.project or "", scope.lane or "", at,
            MAX_LOOKED_AT, limit,
        )  # fmt: skip
        found = [
            (flat[i + 1].decode(), Position("", "", flat[i], flat[i + 1].decode()))
            for i in range(0, len(flat), 2)
        ]
        return IdPage(found, None if last < 0 else Position("", "", last, "-"), looked)


def _position(place: bytes, lane: bytes, at: bytes | int, task_id: bytes) -> Position:
    return Position(place.decode(), lane.decode(), int(at), task_id.decode())
