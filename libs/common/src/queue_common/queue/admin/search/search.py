"""Searches tasks by a filter, page by page. The cost of a page is bounded."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from ....task import State, TaskId
from ...storage.connection import reply, translated
from ..view import view_of
from .pagination import Position
from .walk import LAP_STOPS, Walk, read_cursor, stops_of, write_cursor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ....task import TaskView
    from ...storage.scripts import Scripts
    from .filter import TaskFilter
    from .pagination import Pagination

__all__ = ["MAX_SCANNED", "TaskPage", "TaskSearch"]

MAX_SCANNED: Final = 3000
"""Max tasks that one call checks, about."""
MAX_ROUND_TRIPS: Final = 60
BATCH_SIZE: Final = 250
MAX_BYTES: Final = 16 << 20
"""Max bytes of records that one call reads, about."""


class TaskPage(NamedTuple):
    """Some tasks, and the cursor of the next page."""

    tasks: list[TaskView]
    cursor: str | None
    """None: this is the last page."""
    scanned: int = 0
    """Number of tasks that were checked."""
    scanned_to_ms: int | None = None
    """The time at which the last checked task was accepted."""


class TaskSearch:
    """Finds tasks by a filter."""

    def __init__(self, scripts: Scripts, pages: Pagination) -> None:
        self._scripts = scripts
        self._pages = pages

    async def page(
        self, wanted: TaskFilter, cursor: str | None, limit: int, *, repeats: bool = False
    ) -> TaskPage:
        """Return up to ``limit`` tasks; a page may hold fewer and still have a cursor.

        Checks about 3,000 tasks and reads about 16 MiB at most. A task that keeps its state is
        returned exactly once. One that moves meanwhile is returned at most once, or as often as it
        is met if ``repeats``; new ones are left out. Raises ValueError for an invalid cursor.
        """
        walk = Walk(wanted.states[0], Position()) if cursor is None else read_cursor(cursor)
        if stops_of(wanted.states)[walk.stop : walk.stop + 1] != (walk.state,):
            msg = f"not a cursor of this search: it goes on with {walk.state} tasks"
            raise ValueError(msg)
        call = _Call(self, wanted, limit, walk, repeats=repeats)
        began_ms, began_at = await self._now_ms(), time.monotonic()
        goes_on = await call.run()
        if goes_on is None:
            return call.page(None)
        ended_ms = began_ms + math.ceil((time.monotonic() - began_at) * 1000)
        onward = walk.onward(*goes_on, began_ms, ended_ms, call.stops)
        return call.page(write_cursor(onward))

    async def _now_ms(self) -> int:
        with translated():
            seconds, microseconds = await reply(self._scripts.client.time())
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def batches(
        self, wanted: TaskFilter, state: State, position: Position, limit: int
    ) -> AsyncIterator[_Batch]:
        """Read batches after a position."""
        goes_on: Position | None = position
        while goes_on is not None:
            size = BATCH_SIZE if wanted.looks_inside else min(limit, BATCH_SIZE)
            page = await self._pages.ids(state, wanted.scope, goes_on, size)
            goes_on = page.next
            views, read_bytes = await self.views([task_id for task_id, _ in page.found])
            yield _Batch(page.found, views, page.scanned, read_bytes, goes_on)

    async def views(self, task_ids: Sequence[str]) -> tuple[list[TaskView | None], int]:
        """Return tasks without large bodies, None for missing ones, and the bytes read."""
        if not task_ids:
            return [], 0
        with translated():
            reply = await self._scripts.run("read_records", *task_ids)
        views = [
            view_of(TaskId(task_id), reply[2 * i + 1], reply[2 * i])
            for i, task_id in enumerate(task_ids)
        ]
        return views, sum(map(len, reply[1::2]))


class _Batch(NamedTuple):
    found: list[tuple[str, Position]]
    views: list[TaskView | None]
    scanned: int
    read_bytes: int
    next: Position | None


class _Call:
    """The state of one call of ``page``."""

    def __init__(
        self, search: TaskSearch, wanted: TaskFilter, limit: int, walk: Walk, *, repeats: bool
    ) -> None:
        self._search = search
        self._walk = walk
        self._repeats = repeats
        self.stops = stops_of(wanted.states)
        self._wanted = wanted
        self._limit = limit
        self._tasks: dict[TaskId, TaskView] = {}
        """By id: one that was cancelled and submitted again is in its lane's list twice."""
        self._scanned = 0
        self._round_trips = 0
        self._read_bytes = 0
        self._scanned_to_ms: int | None = None

    @property
    def _ended(self) -> bool:
        """Whether the page is full or has reached its cost limit."""
        return (
            len(self._tasks) >= self._limit
            or self._scanned >= MAX_SCANNED
            or self._round_trips >= MAX_ROUND_TRIPS
            or self._read_bytes >= MAX_BYTES
        )

    async def run(self) -> tuple[int, Position] | None:
        """Collect tasks; return the stop and position where to go on, None at the end."""
        stop, position = self._walk.stop, self._walk.position
        while stop < len(self.stops):
            rest = await self._take(stop, position)
            taken = stop
            stop, position = (stop, rest) if rest is not None else (stop + 1, Position())
            if self._gives_up(taken, stop):
                stop, position = 2 * LAP_STOPS, Position()
            if rest is not None or self._ended:
                break
        return (stop, position) if stop < len(self.stops) else None

    def _gives_up(self, taken: int, stop: int) -> bool:
        """Return whether to leave the second lap: it has little to show, or just began."""
        if len(self.stops) <= 2 * LAP_STOPS or not LAP_STOPS <= stop < 2 * LAP_STOPS:
            return False
        if not self._walk.marks and not self._ended:
            return True
        return taken >= LAP_STOPS and self._ended and len(self._tasks) < self._limit

    async def _take(self, stop: int, position: Position) -> Position | None:
        """Collect tasks of a state; return where to go on with it, None if it has no more."""
        state, room = self.stops[stop], self._limit - len(self._tasks)
        async for batch in self._search.batches(self._wanted, state, position, room):
            self._round_trips += 1
            self._read_bytes += batch.read_bytes
            self._scanned += max(batch.scanned - len(batch.found), 0)
            for (_, at), view in zip(batch.found, batch.views, strict=True):
                self._look_at(view, stop)
                if len(self._tasks) >= self._limit:
                    is_last = at is batch.found[-1][1]
                    return batch.next if is_last else at
            if self._ended:
                return batch.next
        return None

    def _look_at(self, view: TaskView | None, stop: int) -> None:
        self._scanned += 1
        if view is None:
            return
        if view.task is not None:
            self._scanned_to_ms = view.task.accepted_at_ms
        if view.state is not self.stops[stop] or not self._wanted.accepts(view):
            return
        if self._repeats or not self._walk.may_have_shown(view, stop, self.stops):
            self._tasks[view.id] = view

    def page(self, cursor: str | None) -> TaskPage:
        """Return what was found."""
        return TaskPage(list(self._tasks.values()), cursor, self._scanned, self._scanned_to_ms)
