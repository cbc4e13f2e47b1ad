"""Groups dead letters by lane, outcome and status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..storage.connection import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..storage.scripts import Scripts
    from .search import Scope

__all__ = ["DeadGroup", "DeadGroups", "Grouping"]

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


class Grouping(NamedTuple):
    """A page of groups, the largest first."""

    groups: list[DeadGroup]
    total: int
    """Number of all groups."""
    exact: bool
    """False while dead letters of an earlier release are still being counted after an upgrade."""


class DeadGroups:
    """Lists the groups, which are counted as dead letters come and go."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def read(self, scope: Scope, offset: int = 0, limit: int = 100) -> Grouping:
        """Return a page of the groups of a project's or a lane's dead letters."""
        with translated():
            total, exact, *flat = await self._scripts.run(
                "group_dead", scope.project or "", scope.lane or "", offset, limit
            )
        return Grouping(list(_groups(flat)), total, exact=bool(exact))


def _groups(flat: Sequence[Any]) -> Iterator[DeadGroup]:
    for i in range(0, len(flat), _FIELDS):
        lane, outcome, status, number, first, last, task_id, error = flat[i : i + _FIELDS]
        yield DeadGroup(
            lane.decode(), outcome.decode(), status, number, int(first), int(last),
            task_id.decode(), error.decode(errors="replace"),
        )  # fmt: skip
