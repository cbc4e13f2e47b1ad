"""The content of a queue's keys in Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from queue_common.errors import UnreadableRecordError
from queue_common.queue.storage.keys import Key
from queue_common.queue.storage.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FIXED_KEYS", "QueueContent", "text"]

FIXED_KEYS = frozenset(
    {
        Key.COUNTERS,
        Key.WAKE,
        Key.WORKERS,
        Key.SLOTS,
        Key.RESULTS,
        Key.WORKER_INFOS,
        Key.STATS,
        Key.STATS_TURN,
        Key.PROVEN,
        Key.PROJECTS,
        Key.LANE_LIMITS,
        Key.PACE,
        Key.LANE_RECENT,
        Key.LANE_RECENT_AT,
        Key.LANE_TROUBLE,
        Key.LANES_SET,
    }
)
"""Keys that an empty queue may have: their number does not grow with tasks or lanes."""


def text(value: bytes | str) -> str:
    """Return a value of Redis as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


@dataclass
class QueueContent:
    """All keys of a queue at one moment, by name without the queue's prefix."""

    records: dict[str, Record] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of the records."""
    lists: dict[str, list[str]] = field(default_factory=dict)
    zsets: dict[str, dict[str, float]] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    def add(self, key: str, kind: bytes, value: Any) -> None:  # noqa: ANN401 - by Redis type
        """Add a key."""
        self.keys.add(key)
        match kind:
            case b"list":
                self.lists[key] = [text(v) for v in value]
            case b"zset":
                pairs = value if value and isinstance(value[0], (tuple, list)) else []
                self.zsets[key] = {text(m): float(score) for m, score in pairs}
            case b"hash":
                self.hashes[key] = {text(k): text(v) for k, v in value.items()}
            case b"set":
                self.sets[key] = {text(v) for v in value}
            case _ if key.startswith(Key.RECORD):
                self._add_record(key.removeprefix(Key.RECORD), value)

    def _add_record(self, task_id: str, raw: bytes) -> None:
        self.sizes[task_id] = len(raw)
        try:
            self.records[task_id] = Record.unpack(raw)
        except UnreadableRecordError:
            self.unreadable.add(task_id)

    def under(self, prefix: str) -> Iterable[tuple[str, Any]]:
        """Return lists, sorted sets and hashes with this prefix, by the rest of their keys."""
        for group in (self.lists, self.zsets, self.hashes):
            for key, value in group.items():
                if key.startswith(prefix):
                    yield key[len(prefix) :], value
