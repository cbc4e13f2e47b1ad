"""The types of responses about dead letters."""

from __future__ import annotations

import msgspec

from queue_common.task import Outcome

__all__ = ["DeadLetterGroup", "DeadLetterGroups"]


class DeadLetterGroup(msgspec.Struct, frozen=True):
    """Dead letters of one lane with the same outcome and status of their last attempt."""

    project: str
    lane: str
    outcome: Outcome | None
    status_code: int | None
    count: int
    first_at: str
    last_at: str
    example_task_id: str
    """The newest dead letter of the group."""
    example_error: str | None


class DeadLetterGroups(msgspec.Struct, frozen=True):
    """A page of groups, the largest first."""

    groups: list[DeadLetterGroup]
    cursor: str | None
    """The cursor of the next page; null on the last one."""
    exact: bool
    """False while dead letters of an earlier release are still being counted after an upgrade."""
