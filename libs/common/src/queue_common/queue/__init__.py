"""The queue in Redis: all that knows its keys and scripts.

``task_queue`` is the door. Behind it ``submit`` takes tasks in, ``exchange`` claims and settles,
``lease`` holds what a worker claimed, ``wake`` waits for work, ``lookup`` reads, ``watch`` looks at
the queue as a whole. ``record`` and
``scripts/prelude.lua`` say how it lies in Redis.
"""

from .claim import Claim
from .durability import Durability, tell_durability
from .lookup import Counts, Page
from .observer import QueueObserver
from .submit import MAX_WAITING_BYTES
from .task_queue import TaskQueue
from .watch import LaneFigures, QueueFigures, QueueWatch

__all__ = [
    "MAX_WAITING_BYTES",
    "Claim",
    "Counts",
    "Durability",
    "LaneFigures",
    "Page",
    "QueueFigures",
    "QueueObserver",
    "QueueWatch",
    "TaskQueue",
    "tell_durability",
]
