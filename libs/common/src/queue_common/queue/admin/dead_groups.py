"""Groups dead letters by lane, outcome and status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..storage.connection import translated
from .cursor import read_text, written_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..storage.scripts import Scripts
    from .search import Scope

__all__ = ["DeadGroup", "DeadGroups", "Grouping"]

_FIELDS: Final = 8
MAX_NUMBER_DIGITS: Final = 15


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
    cursor: str | None
    """Where the next page begins; None on the last one."""
    exact: bool
    """False while dead letters of an earlier release are still being counted after an upgrade."""


class DeadGroups:
    """Lists the groups, which are counted as dead letters come and go."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def read(self, scope: Scope, cursor: str | None = None, limit: int = 100) -> Grouping:
        """Return a page of the groups of a project's or a lane's dead letters.

        A page begins after the place of the last group before it, so that one that goes hides no
        other. A group that grows beyond that place is not seen. Raises ValueError for a cursor
        that is none.
        """
        last = () if cursor is None else _read_cursor(cursor)
        with translated():
            more, exact, *flat = await self._scripts.run(
                "group_dead", scope.project or "", scope.lane or "", limit, *last
            )
        groups = list(_groups(flat))
        return Grouping(groups, _write_cursor(groups[-1]) if more else None, exact=bool(exact))


def _write_cursor(last: DeadGroup) -> str:
    place = f"{last.number}\n{last.lane}\n{last.outcome}\n{last.status_code}"
    return written_text(place.encode())


def _read_cursor(cursor: str) -> tuple[str, str]:
    """Return number and name of the last group; raises ValueError."""
    msg = "not a cursor of groups"
    try:
        number, newline, name = read_text(cursor).decode().partition("\n")
    except ValueError as error:
        raise ValueError(msg) from error
    is_number = number.isascii() and number.isdecimal() and len(number) <= MAX_NUMBER_DIGITS
    if not is_number or not newline:
        raise ValueError(msg)
    return number, name


def _groups(flat: Sequence[Any]) -> Iterator[DeadGroup]:
    for i in range(0, len(flat), _FIELDS):
        lane, outcome, status, number, first, last, task_id, error = flat[i : i + _FIELDS]
        yield DeadGroup(
            lane.decode(), outcome.decode(), status, number, int(first), int(last),
            task_id.decode(), error.decode(errors="replace"),
        )  # fmt: skip
