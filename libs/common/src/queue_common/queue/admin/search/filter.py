"""Which tasks a search is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ....task import Outcome, State
from .pagination import Scope
from .walk import STATES_IN_ORDER

if TYPE_CHECKING:
    from ....task import TaskView

__all__ = ["TaskFilter"]


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
