"""The names of a queue's keys in Redis.

``prelude.lua`` has the same table and describes each key; ``test_layout.py`` compares the two.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Key", "Keys"]


class Key(StrEnum):
    """A key without its hash tag; an id, lane or lease follows a colon at its end."""

    RECORD = "t:"
    WHOLE = "f:"
    REPLAYS = "replays:"
    WAITING = "l:"
    SCHEDULED = "s:"
    SUSPECTED = "u:"
    CLAIMED = "w:"
    DEAD_IN_LANE = "d:"
    COUNTERS = "n"
    LANES = "lanes"
    RING = "ring"
    TRIAL = "trial"
    RESTING = "resting"
    FULL = "full"
    PAUSED = "paused"
    RING_OF = "ring:"
    TRIAL_OF = "trial:"
    RESTING_OF = "resting:"
    PROJECTS = "projects"
    PROJECT = "p:"
    READY = "ready"
    READY_TRIAL = "ready_trial"
    READY_RESTING = "ready_resting"
    FULL_PROJECTS = "full_projects"
    THROTTLED = "throttled"
    LANE_LIMITS = "lane_limits"
    PACE = "pace"
    LANE_RECENT = "lane_recent"
    LANE_RECENT_AT = "lane_recent_at"
    LANE_TROUBLE = "lane_trouble"
    LANES_SET = "lanes_set"
    PROVEN = "proven"
    FAILING = "bad"
    UNHEALTHY = "unhealthy"
    DUE = "due"
    IN_FLIGHT = "inflight"
    TOMBSTONES = "ghosts"
    SUSPECT_LANES = "suspects"
    WORKERS = "workers"
    SLOTS = "slots"
    LOST = "lost"
    DEAD = "dead"
    DEAD_SIZES = "dead_sizes"
    DEAD_GROUP_OF = "dead_group_of"
    DEAD_GROUP = "g:"
    DEAD_GROUPS = "dead_groups:"
    RESULTS = "results"
    OUTBOX = "out"
    IDEMPOTENT = "i:"
    IDEMPOTENT_NAMES = "i_names"
    IDEMPOTENT_ORDER = "i_order"
    WAKE = "wake"
    STATS = "stats"
    STATS_TURN = "stats_turn"
    LISTENERS = "listeners"
    RINGS = "rings:"
    EVENTS = "events"
    OPERATION = "op:"
    OPERATIONS = "ops"
    RUNNING = "ops_running"
    COPY = "copy"
    OLD_RESULTS = "done"
    # No script reads these.
    API_KEYS = "api_keys"
    API_KEYS_USED = "api_keys_used"
    AUDIT = "audit"
    CHANGES = "changes"
    SIGNING_SECRETS = "signing_secrets"
    # SAQ's workers report there.
    WORKER_INFOS = "infos"
    WORKER_INFO = "info:"


class Keys:
    """The keys of one queue. They share a hash tag, and so a slot of a Redis Cluster."""

    def __init__(self, queue_name: str) -> None:
        self.hash_tag = f"{{{queue_name}}}"
        """Each script gets it as ``KEYS[1]`` and derives the other keys from it."""
        self.prefix = f"{self.hash_tag}:"

    def of(self, key: Key, member: str = "") -> str:
        """Return a key's full name; ``member`` is the id, lane or lease that it belongs to."""
        return f"{self.prefix}{key}{member}"
