"""The names of log events and of their fields: one vocabulary for log lines and spans."""

from typing import Final

TASK_ENQUEUED: Final = "Task enqueued successfully"
"""The API accepted a task. The original service's words, kept for those who search for them."""
DELIVERY_ATTEMPTED: Final = "delivery.attempted"
"""A worker made one request; one line an attempt."""
TASK_DIED: Final = "task.died"
"""A task went to the dead letters."""

LEASE_LOST: Final = "settle.lease_lost"
"""An attempt could not be settled: the task had gone into other hands."""

TASK_ID: Final = "task_id"
LANE: Final = "lane"
ATTEMPT: Final = "attempt"
OUTCOME: Final = "outcome"
STATUS: Final = "status"
DURATION_MS: Final = "duration_ms"
NEXT_DUE: Final = "next_due"
REASON: Final = "reason"
