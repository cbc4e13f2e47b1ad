"""Operations as they are asked for and told, as types."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from queue_common.queue import Action, OperationState
from queue_common.task import Outcome, State

from ..tasks.option_schemas import MAX_LANE_CHARACTERS

__all__ = ["OperationCreate", "OperationFilter", "OperationList", "OperationStatus"]

MAX_IDS = 1000
MAX_RATE = 10_000
_TIME = Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-28T00:00:00Z"])
Label = Annotated[str, Meta(min_length=2, max_length=320, pattern="^[^:]+:")]
TaskId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]


class OperationFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which tasks are meant: those for which all that is given holds."""

    state: State | None = None
    """Without it: all states that the action is for."""
    lane: Annotated[str, Meta(min_length=1, max_length=MAX_LANE_CHARACTERS)] | None = None
    label: Annotated[list[Label], Meta(max_length=16)] = []
    """``key:value``; all of them must be there."""
    url_prefix: Annotated[str, Meta(min_length=1, max_length=2083)] | None = None
    outcome: Outcome | None = None
    """Of the last attempt."""
    status_code: Annotated[int, Meta(ge=100, le=999)] | None = None
    """Of the last attempt."""
    created_after: Annotated[str, _TIME] | None = None
    created_before: Annotated[str, _TIME] | None = None
    ids: Annotated[list[TaskId], Meta(min_length=1, max_length=MAX_IDS)] | None = None
    """These tasks alone. An empty list is refused: it names no task, and so does not mean all."""


class OperationCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done with which tasks."""

    action: Action
    filter: OperationFilter
    rate: Annotated[int, Meta(ge=1, le=MAX_RATE)] | None = None
    """Max tasks a second."""
    dry_run: bool = False
    """Count the tasks, and change none."""


class OperationStatus(msgspec.Struct, frozen=True):
    """An operation, and how far it has come."""

    id: str
    project: str
    action: Action
    state: OperationState
    filter: OperationFilter
    rate: int | None
    dry_run: bool
    scanned: int
    """Tasks looked at."""
    matched: int
    """Tasks that the filter accepted. Each ends as done, skipped or failed, but in a dry run."""
    done: int
    """Tasks that it has changed."""
    skipped: int
    """Tasks that left the action nothing to do when their turn came: they had moved on to another
    state, another call had changed them already, the request to send again was not kept, or the
    key may not use its hosts."""
    failed: int
    """Tasks that could not be changed: an error that the log has, or a limit left no room for any
    task during 10 s, or for this one ever."""
    error: str | None
    created_at: str
    updated_at: str
    finished_at: str | None
    created_by: str | None
    """Id of the key."""


class OperationList(msgspec.Struct, frozen=True):
    """A page of operations, the newest first."""

    operations: list[OperationStatus]
    cursor: str | None
