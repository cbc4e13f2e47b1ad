"""The schemas of what is listed, changed and told: tasks, dead letters, operations, stats."""

from __future__ import annotations

from .dead_letters.schemas import DeadLetterGroups
from .listeners.schemas import SCHEMAS as LISTENER_SCHEMAS
from .operations.schemas import OperationCreate, OperationList, OperationStatus
from .stats.schemas import Stats
from .tasks.manage.schemas import AttemptList, ReplayCreate, Replayed, TaskList, TaskStatus

__all__ = ["MANAGED"]

MANAGED: list[type] = [
    TaskStatus, TaskList, AttemptList, ReplayCreate, Replayed, DeadLetterGroups, Stats,
    OperationCreate, OperationList, OperationStatus,
    *LISTENER_SCHEMAS,
]  # fmt: skip
