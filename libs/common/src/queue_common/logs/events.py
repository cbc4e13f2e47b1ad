"""The names of log events and of their fields: one vocabulary for log lines and spans."""

from datetime import UTC, datetime
from typing import Final

from ..lanes import DEFAULT_PROJECT, split_lane

TASK_ENQUEUED: Final = "Task enqueued successfully"
"""The API accepted a task. The original service's words, kept for those who search for them."""
DELIVERY_ATTEMPTED: Final = "delivery.attempted"
"""A worker made one request; one line an attempt."""
TASK_DIED: Final = "task.died"
"""A task went to the dead letters."""

LEASE_LOST: Final = "settle.lease_lost"
"""An attempt could not be settled: the task had gone into other hands."""

TASK_DUE: Final = "task.due"
"""A span's event: since then the task could have been claimed."""

TASK_ID: Final = "task_id"
TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
LANE: Final = "lane"
PROJECT: Final = "project"
"""Whose task it is; absent for the project ``default``."""
ATTEMPT: Final = "attempt"
OUTCOME: Final = "outcome"
STATUS: Final = "status"
DURATION_MS: Final = "duration_ms"
NEXT_DUE: Final = "next_due"
REASON: Final = "reason"
STATE: Final = "state"
"""What the settlement makes of the task."""
PHASE: Final = "phase"
"""Where a timeout struck."""
WAITED_MS: Final = "waited_ms"
"""From due to claimed."""
STANDS_FOR: Final = "stands_for_attempts"
"""How many attempts a span stands for: itself, and those before it that have none."""


def iso_time(unix_ms: int) -> str:
    """Return a time as lines and spans tell it: RFC 3339 in UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")


def lane_fields(queue_lane: str) -> dict[str, str]:
    """Return the fields that tell the lane and its project."""
    project, lane = split_lane(queue_lane)
    return {LANE: lane} if project == DEFAULT_PROJECT else {LANE: lane, PROJECT: project}
