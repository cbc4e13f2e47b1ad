"""Groups dead letters by lane, outcome and status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..storage.connection import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..storage.scripts import Scripts
    from .pagination import Scope

__all__ = ["DeadGroup", "DeadGroups", "Grouping"]

MAX_SCANNED: Final = 20_000
"""Max dead letters per call: the newest ones."""
BATCH_SIZE: Final = 200
"""Dead letters per script call, which takes Redis about 2 ms."""
_FIELDS: Final = 8


class DeadGroup(NamedTuple):
    """Dead letters with the same lane, outcome and status."""

    lane: str
    """The lane's name in the queue."""
    outcome: str
    """The last attempt's outcome; empty if it is unreadable."""
    status_code: int
    """0: none."""
    number: int
    first_at_ms: int
    last_at_ms: int
    example_id: str
    """The newest one."""
    example_error: str

    def merge(self, older: DeadGroup) -> DeadGroup:
        """Return this group with its older dead letters added."""
        return self._replace(number=self.number + older.number, first_at_ms=older.first_at_ms)


class Grouping(NamedTuple):
    """All groups, the largest first."""

    groups: list[DeadGroup]
    exact: bool
    """Whether all dead letters were counted, and not only the newest."""


class DeadGroups:
    """Groups dead letters in short script calls."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def read(self, scope: Scope) -> Grouping:
        """Return the groups of a project's or a lane's dead letters, of the newest 20,000."""
        found: dict[tuple[str, str, int], DeadGroup] = {}
        scanned, more, at, task_id = 0, True, 0, ""
        while more and scanned < MAX_SCANNED:
            with translated():
                reply = await self._scripts.run(
                    "group_dead", scope.project or "", scope.lane or "", at, task_id, BATCH_SIZE
                )
            more, looked, last_at, last_id, *flat = reply
            scanned, at, task_id = scanned + looked, int(last_at), last_id.decode()
            for group in _groups(flat):
                newer = found.get(group[:3])
                found[group[:3]] = newer.merge(group) if newer else group
        ordered = sorted(found.values(), key=lambda group: (-group.number, group[:3]))
        return Grouping(ordered, exact=not more)


def _groups(flat: Sequence[Any]) -> Iterator[DeadGroup]:
    for i in range(0, len(flat), _FIELDS):
        lane, outcome, status, number, first, last, task_id, error = flat[i : i + _FIELDS]
        yield DeadGroup(
            lane.decode(), outcome.decode(), status, number, int(first), int(last),
            task_id.decode(), error.decode(errors="replace"),
        )  # fmt: skip
