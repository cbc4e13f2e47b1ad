"""The queue in Redis. No other code knows its keys and scripts.

``task_queue`` is the interface. ``enqueue_batcher`` writes new tasks; ``consuming`` claims and
settles them under a lease; ``admin`` reads, counts and changes them; ``activity`` counts for stats;
``storage`` has the layout in Redis, the Lua scripts and the connections.
"""

from .activity import EventHub, Series
from .activity.recorder import ALL_PROJECTS
from .activity.watching import TooManyWatchersError, WatchedEvent, Watcher, a_gap
from .admin.bulk import Action, Definition, Operation, OperationRunner, OperationState
from .admin.bulk.model import STATES_OF
from .admin.dead_groups import DeadGroup
from .admin.reader import Counts
from .admin.search import Scope, TaskFilter, TaskPage
from .admin.stats import LaneSnapshot, QueueSnapshot, QueueStats
from .claim import Claim
from .enqueue_batcher import MAX_WAITING_BYTES, Stored
from .hooks import QueueHooks
from .storage.connection import translated
from .storage.durability import Durability, report_durability
from .storage.keys import Key
from .storage.record import unpack_attempts
from .task_queue import TaskQueue

__all__ = [
    "ALL_PROJECTS",
    "MAX_WAITING_BYTES",
    "STATES_OF",
    "Action",
    "Claim",
    "Counts",
    "DeadGroup",
    "Definition",
    "Durability",
    "EventHub",
    "Key",
    "LaneSnapshot",
    "Operation",
    "OperationRunner",
    "OperationState",
    "QueueHooks",
    "QueueSnapshot",
    "QueueStats",
    "Scope",
    "Series",
    "Stored",
    "TaskFilter",
    "TaskPage",
    "TaskQueue",
    "TooManyWatchersError",
    "WatchedEvent",
    "Watcher",
    "a_gap",
    "report_durability",
    "translated",
    "unpack_attempts",
]
