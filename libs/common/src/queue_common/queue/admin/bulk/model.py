"""What an operation is, and how far it has come."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from ....task import State
from ..search import TaskFilter

__all__ = ["STATES_OF", "Action", "Definition", "Operation", "OperationState"]


class Action(StrEnum):
    """What is done with each task."""

    CANCEL = "cancel"
    RUN = "run"
    REPLAY = "replay"
    DELETE = "delete"


class OperationState(StrEnum):
    """Where an operation is."""

    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


STATES_OF: Final = {
    # In the order in which tasks move on.
    Action.CANCEL: (State.SCHEDULED, State.QUEUED, State.ACTIVE),
    Action.RUN: (State.DEAD, State.SCHEDULED),
    Action.REPLAY: (State.DEAD, State.DELIVERED),
    Action.DELETE: (State.DEAD,),
}
"""The states of the tasks that an action is for."""


class Definition(msgspec.Struct, frozen=True):
    """What an operation does; written once."""

    action: Action
    wanted: TaskFilter
    ids: tuple[str, ...] | None = None
    """These tasks alone, as far as ``wanted`` accepts them; none if it is empty. None: all."""
    rate: int | None = None
    """Max tasks a second."""
    dry_run: bool = False
    created_by: str | None = None
    """Id of the key."""
    allowed_hosts: tuple[str, ...] | None = None
    """The hosts that the key's tasks may go to; None: all."""
    traceparent: str | None = None
    """The span of the request that began it."""


class Operation(msgspec.Struct, frozen=True):
    """An operation, and how far it has come."""

    id: str
    project: str
    definition: Definition
    state: OperationState
    cursor: str
    """Where it goes on."""
    scanned: int
    matched: int
    """Tasks that came to their turn; each is then done, skipped or failed."""
    done: int
    """Tasks that it has changed."""
    skipped: int
    """Tasks that left nothing to do: they had moved on, or somebody had changed them already."""
    failed: int
    """Tasks that could not be changed."""
    error: str | None
    created_at_ms: int
    updated_at_ms: int
    finished_at_ms: int | None
