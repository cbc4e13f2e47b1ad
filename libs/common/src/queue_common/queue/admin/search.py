"""Searches tasks by a filter, page by page. The cost of a page is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ...task import Outcome, State, TaskId
from ..storage.connection import translated
from .pagination import Position, Scope, read_cursor, write_cursor
from .view import view_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ...task import TaskView
    from ..storage.scripts import Scripts
    from .pagination import Pagination

__all__ = ["MAX_SCANNED", "STATES_IN_ORDER", "TaskFilter", "TaskPage", "TaskSearch"]

MAX_SCANNED: Final = 3000
"""Max tasks that one call checks, about."""
MAX_ROUND_TRIPS: Final = 60
BATCH_SIZE: Final = 250
MAX_BYTES: Final = 16 << 20
"""Max bytes of records that one call reads, about."""
STATES_IN_ORDER: Final = (
    State.QUEUED, State.SCHEDULED, State.ACTIVE, State.DEAD, State.DELIVERED, State.CANCELLED,
)  # fmt: skip


class TaskFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A filter of tasks. All given conditions must hold."""

    project: str | None = None
    """None: all projects."""
    states: tuple[State, ...] = STATES_IN_ORDER
    """The states, which are searched one after the other."""
    lane: str | None = None
    """The lane's name in the queue."""
    labels: tuple[tuple[str, str], ...] = ()
    """Keys and values that a task must have, all of them."""
    url_prefix: str | None = None
    outcome: Outcome | None = None
    """Of the last attempt."""
    status_code: int | None = None
    created_after_ms: int | None = None
    """Unix time (exclusive)."""
    created_before_ms: int | None = None
    idempotency_key: str | None = None

    def in_states(self, *states: State) -> TaskFilter:
        """Return the same filter for other states."""
        return msgspec.structs.replace(self, states=states)

    @property
    def scope(self) -> Scope:
        """The project and lane of the filter."""
        return Scope(self.project, self.lane)

    @property
    def looks_inside(self) -> bool:
        """Whether the record is needed to apply the filter."""
        return bool(self.labels) or any(
            value is not None
            for value in (
                self.url_prefix, self.outcome, self.status_code,
                self.created_after_ms, self.created_before_ms, self.idempotency_key,
            )
        )  # fmt: skip

    def accepts(self, view: TaskView) -> bool:
        """Return whether a task matches."""
        if view.state not in self.states or not self.scope.holds(view.lane):
            return False
        return not self.looks_inside or self._accepts_content(view)

    def _accepts_content(self, view: TaskView) -> bool:
        task, last = view.task, view.last_attempt
        if self.outcome is not None and (last is None or last.outcome is not self.outcome):
            return False
        if self.status_code is not None and (last is None or last.status_code != self.status_code):
            return False
        if task is None:  # a record of another kind has no more to ask for
            return not (self.labels or self.url_prefix or self.idempotency_key or self._asks_time)
        labels = (task.options and task.options.labels) or {}
        name = task.options and task.options.idempotency_key
        return (
            (self.idempotency_key is None or name == self.idempotency_key)
            and all(labels.get(key) == value for key, value in self.labels)
            and task.url.startswith(self.url_prefix or "")
            and (self.created_after_ms is None or task.accepted_at_ms > self.created_after_ms)
            and (self.created_before_ms is None or task.accepted_at_ms < self.created_before_ms)
        )

    @property
    def _asks_time(self) -> bool:
        return self.created_after_ms is not None or self.created_before_ms is not None


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

    async def page(self, wanted: TaskFilter, cursor: str | None, limit: int) -> TaskPage:
        """Return up to ``limit`` tasks; a page may hold fewer and still have a cursor.

        Checks about 3,000 tasks and reads about 16 MiB at most. A task that keeps its state is
        returned exactly once. Raises ValueError for an invalid cursor.
        """
        walk = _Walk(self, wanted, limit)
        state, position = (wanted.states[0], Position()) if cursor is None else read_cursor(cursor)
        if state not in wanted.states:
            msg = f"not a cursor of this search: it goes on with {state} tasks"
            raise ValueError(msg)
        for current in wanted.states[wanted.states.index(state) :]:
            rest = await walk.take(current, position)
            if rest is not None:
                return walk.page(write_cursor(current, rest))
            position = Position()
            if walk.ended:
                following = _following(wanted.states, current)
                return walk.page(following and write_cursor(following, Position()))
        return walk.page(None)

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


class _Walk:
    """The state of one call of ``page``."""

    def __init__(self, search: TaskSearch, wanted: TaskFilter, limit: int) -> None:
        self._search = search
        self._wanted = wanted
        self._limit = limit
        self._tasks: dict[TaskId, TaskView] = {}
        """By id: one that was cancelled and submitted again is in its lane's list twice."""
        self._scanned = 0
        self._round_trips = 0
        self._read_bytes = 0
        self._scanned_to_ms: int | None = None

    @property
    def ended(self) -> bool:
        """Whether the page is full or has reached its cost limit."""
        return (
            len(self._tasks) >= self._limit
            or self._scanned >= MAX_SCANNED
            or self._round_trips >= MAX_ROUND_TRIPS
            or self._read_bytes >= MAX_BYTES
        )

    async def take(self, state: State, position: Position) -> Position | None:
        """Collect tasks of a state; return where to go on with it, None if it has no more."""
        room = self._limit - len(self._tasks)
        async for batch in self._search.batches(self._wanted, state, position, room):
            self._round_trips += 1
            self._read_bytes += batch.read_bytes
            self._scanned += max(batch.scanned - len(batch.found), 0)
            for (_, at), view in zip(batch.found, batch.views, strict=True):
                self._look_at(view, state)
                if len(self._tasks) >= self._limit:
                    is_last = at is batch.found[-1][1]
                    return batch.next if is_last else at
            if self.ended:
                return batch.next
        return None

    def _look_at(self, view: TaskView | None, state: State) -> None:
        self._scanned += 1
        if view is None:
            return
        if view.task is not None:
            self._scanned_to_ms = view.task.accepted_at_ms
        if view.state is state and self._wanted.accepts(view):
            self._tasks[view.id] = view

    def page(self, cursor: str | None) -> TaskPage:
        """Return what was found."""
        return TaskPage(list(self._tasks.values()), cursor, self._scanned, self._scanned_to_ms)


def _following(states: Sequence[State], state: State) -> State | None:
    at = states.index(state) + 1
    return states[at] if at < len(states) else None
