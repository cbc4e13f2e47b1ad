"""Operations on many tasks, and dead letters in groups."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

__all__ = ["DeadLetterGroup", "DeadLetterGroupPage", "Filter", "Operation", "OperationPage"]


class Filter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which tasks an operation works on; all given conditions must hold."""

    state: str | None = None
    lane: str | None = None
    label: list[str] | None = None
    """``key:value``, all of them."""
    url_prefix: str | None = None
    outcome: str | None = None
    status_code: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    ids: list[str] | None = None
    """At most 1,000; an empty list is refused, as it does not mean all."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An action on all tasks of a filter, which the API carries out in the background."""

    id: str
    project: str = "default"
    action: str
    state: str
    """running, stopping, done, stopped or failed."""
    filter: dict[str, Any] = {}
    rate: float | None = None
    dry_run: bool = False
    scanned: int = 0
    matched: int = 0
    """Tasks that the filter accepted: each ends as done, skipped or failed."""
    done: int = 0
    skipped: int = 0
    """Tasks that left nothing to do when their turn came."""
    failed: int = 0
    error: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    created_by: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.state in {"done", "stopped", "failed"}


class OperationPage(msgspec.Struct, frozen=True):
    """A page of operations, the newest first."""

    operations: list[Operation]
    cursor: str | None = None

    @property
    def items(self) -> list[Operation]:
        """The operations of this page."""
        return self.operations


class DeadLetterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one lane that ended in the same way."""

    project: str = "default"
    lane: str
    outcome: str | None = None
    status_code: int | None = None
    count: int
    first_at: datetime | None = None
    last_at: datetime | None = None
    example_task_id: str | None = None
    example_error: str | None = None


class DeadLetterGroupPage(msgspec.Struct, frozen=True):
    """A page of groups; ``exact`` says whether the counts are."""

    groups: list[DeadLetterGroup]
    cursor: str | None = None
    exact: bool = True

    @property
    def items(self) -> list[DeadLetterGroup]:
        """The groups of this page."""
        return self.groups
