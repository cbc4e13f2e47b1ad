"""The names of log events and of their fields: one vocabulary for log lines and spans."""

from datetime import UTC, datetime
from typing import Final

from ..lanes import DEFAULT_PROJECT, split_lane

TASK_ENQUEUED: Final = "Task enqueued successfully"
"""The API accepted a task. The text is that of the original service: people search for it."""
BATCH_ENQUEUED: Final = "Batch enqueued"
"""The API has taken a batch; one line per batch, with the number of its tasks."""
TASK_EXISTS: Final = "Task exists already"
"""A request was repeated: its task was accepted before."""
DELIVERY_ATTEMPTED: Final = "delivery.attempted"
"""A worker made one attempt; one line per attempt."""
TASK_DIED: Final = "task.died"
"""A task became a dead letter."""

LEASE_LOST: Final = "settle.lease_lost"
"""An attempt could not be settled: the lease had ended, and others may have the task."""

TASK_DUE: Final = "task.due"
"""A span event: the time from which the task could have been claimed."""

TASK_ID: Final = "task_id"
TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
LANE: Final = "lane"
PROJECT: Final = "project"
"""Whose task it is; absent for the project ``default``."""
OPERATION_ID: Final = "operation_id"
"""The operation that made the task."""
ATTEMPT: Final = "attempt"
OUTCOME: Final = "outcome"
STATUS: Final = "status"
DURATION_MS: Final = "duration_ms"
NEXT_DUE: Final = "next_due"
REASON: Final = "reason"
STATE: Final = "state"
"""The task's state after the settlement."""
PHASE: Final = "phase"
"""The phase of the request in which its time ran out."""
WAITED_MS: Final = "waited_ms"
"""Time from being due to being claimed."""
STANDS_FOR: Final = "stands_for_attempts"
"""Number of attempts that a span stands for: its own, and those before it without a span."""


def iso_time(unix_ms: int) -> str:
    """Return a time as log lines and spans show it: RFC 3339 in UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")


def lane_fields(queue_lane: str) -> dict[str, str]:
    """Return the fields that tell the lane and its project."""
    project, lane = split_lane(queue_lane)
    return {LANE: lane} if project == DEFAULT_PROJECT else {LANE: lane, PROJECT: project}
