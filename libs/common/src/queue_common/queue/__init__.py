"""The queue in Redis: all that knows its keys and scripts.

``task_queue`` is the door. Behind it ``submit`` takes tasks in, ``exchange`` claims and settles,
``lease`` holds what a worker claimed, ``wake`` waits for work, ``reader`` reads, ``watch`` looks at
the queue as a whole. ``record`` and
``scripts/prelude.lua`` say how it lies in Redis.
"""

from .admin.reader import Counts
from .admin.search import TaskFilter, TaskPage
from .admin.stats import LaneSnapshot, QueueSnapshot, QueueStats
from .claim import Claim
from .enqueue_batcher import MAX_WAITING_BYTES
from .hooks import QueueHooks
from .storage.connection import translated
from .storage.durability import Durability, report_durability
from .storage.keys import Key
from .task_queue import TaskQueue

__all__ = [
    "MAX_WAITING_BYTES",
    "Claim",
    "Counts",
    "Durability",
    "Key",
    "LaneSnapshot",
    "QueueHooks",
    "QueueSnapshot",
    "QueueStats",
    "TaskFilter",
    "TaskPage",
    "TaskQueue",
    "report_durability",
    "translated",
]
