"""Checks that a queue's keys in Redis keep the queue's invariants."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from queue_common.lanes import DEFAULT_PROJECT, split_lane
from queue_common.queue.storage.keys import Key, Keys
from queue_common.task import State

from .content import FIXED_KEYS, QueueContent
from .settled_faults import settled_faults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import Redis

__all__ = ["FIXED_KEYS", "QueueInspector", "Snapshot"]

_PLACES = (Key.RING, Key.TRIAL, Key.RESTING, Key.FULL, Key.THROTTLED, Key.PAUSED)
"""A lane with waiting tasks is in one of them."""

_RINGS = {Key.RING: Key.RING_OF, Key.TRIAL: Key.TRIAL_OF, Key.RESTING: Key.RESTING_OF}
"""The places that each project has separately."""

_READERS = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
}


class Snapshot(QueueContent):
    """All keys of a queue at one moment, with checks of its invariants."""

    def places(self, task_id: str) -> list[str]:
        """Return the places of a task: one for each structure that can make it move.

        An entry of a lane's list counts where the record says that the task waits there: others
        are tombstones, which ``faults`` counts.
        """
        record = self.records.get(task_id)
        waits_in = record.lane if record and record.state is State.QUEUED else None
        found = [f"queued {lane}" for lane, ids in self.under(Key.WAITING)
                 if task_id in ids and (lane == waits_in or record is None)]  # fmt: skip
        found += [f"queued {lane}" for lane, ids in self.under(Key.SUSPECTED) if task_id in ids]
        found += [f"scheduled {lane}" for lane, ids in self.under(Key.SCHEDULED) if task_id in ids]
        found += [f"active {ids[task_id]}" for _, ids in self.under(Key.CLAIMED) if task_id in ids]
        return found

    def faults(self) -> list[str]:
        """Return a sentence for each way in which an invariant is broken."""
        return [
            *self._misplaced(), *self._miscounted(), *self._lane_faults(),
            *self._tombstone_faults(), *self._suspect_faults(), *self._due_faults(),
            *settled_faults(self), *self._ready_faults(), *self._use_faults(),
        ]  # fmt: skip

    def _misplaced(self) -> Iterable[str]:
        for task_id, record in self.records.items():
            expected = [] if record.state.settled else [f"{record.state} {record.lane}"]
            if (found := self.places(task_id)) != expected:
                yield f"task {task_id} should be in {expected}, is in {found}"
        for key, ids in [
            *self.under(Key.SCHEDULED),
            *self.under(Key.SUSPECTED),
            *self.under(Key.CLAIMED),
        ]:
            for task_id in ids:
                if task_id not in self.records and task_id not in self.unreadable:
                    yield f"task {task_id} has no record but an entry in {key}"

    def _miscounted(self) -> Iterable[str]:
        states = Counter(str(record.state) for record in self.records.values())
        counters = self.hashes.get(Key.COUNTERS, {})
        for state in ("queued", "scheduled", "active"):
            if int(counters.get(state, 0)) != states[state]:
                yield f"{state} is counted {counters.get(state)}, a walk finds {states[state]}"
        slots = sum(int(v) for v in self.hashes.get(Key.SLOTS, {}).values())
        if int(counters.get("slots", 0)) != slots:
            yield f"slots are counted {counters.get('slots')}, the workers bring {slots}"

    def _lane_faults(self) -> Iterable[str]:
        in_flight: Counter[str] = Counter()
        for _, claims in self.under(Key.CLAIMED):
            in_flight.update(claims.values())
        counted = {k: int(v) for k, v in self.hashes.get(Key.IN_FLIGHT, {}).items()}
        if counted != dict(in_flight):
            yield f"in flight are {dict(in_flight)}, counted {counted}"
        waiting = {lane for lane, _ in self.under(Key.WAITING)}
        standing = {name: {*self.zsets.get(name, ()), *self.sets.get(name, ())} for name in _PLACES}
        for name, of_projects in _RINGS.items():
            for _, lanes in self.under(of_projects):
                standing[name] |= set(lanes)
        for lane in waiting.union(*(standing[name] for name in _PLACES if name != Key.PAUSED)):
            at = [name for name in _PLACES if lane in standing[name]]
            if (lane in waiting) != bool(at) or len(at) > 1:
                yield f"lane {lane} {'has' if lane in waiting else 'has no'} entries, is in {at}"
        alive = waiting | set(in_flight) | {lane for lane, _ in self.under(Key.SCHEDULED)}
        alive |= {lane for lane, _ in self.under(Key.SUSPECTED)}
        if set(self.zsets.get(Key.LANES, ())) != alive:
            yield f"lanes are {alive}, kept are {set(self.zsets.get(Key.LANES, ()))}"
        yield from self._health_faults(alive, standing[Key.RESTING])

    def _health_faults(self, alive: set[str], resting: set[str]) -> Iterable[str]:
        unhealthy, bad = (
            set(self.hashes.get(Key.UNHEALTHY, {})),
            set(self.hashes.get(Key.FAILING, {})),
        )
        if unhealthy & bad or not unhealthy | bad <= alive:
            yield f"unhealthy are {unhealthy}, in doubt {bad}, lanes {alive}"
        if not resting <= unhealthy:
            yield f"resting are {resting}, unhealthy {unhealthy}"

    def _ready_faults(self) -> Iterable[str]:
        full = self.sets.get(Key.FULL_PROJECTS, set())
        for ready, ring in (
            (Key.READY, Key.RING_OF), (Key.READY_TRIAL, Key.TRIAL_OF),
            (Key.READY_RESTING, Key.RESTING_OF),
        ):  # fmt: skip
            with_lanes = {project for project, _ in self.under(ring)} - full
            if (kept := set(self.zsets.get(ready, ()))) != with_lanes:
                yield f"projects with lanes in {ring} are {with_lanes}, kept are {kept}"

    def _use_faults(self) -> Iterable[str]:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for record in self.records.values():
            project, _ = split_lane(record.lane)
            if project != DEFAULT_PROJECT and not record.state.settled:
                active = record.state is State.ACTIVE
                use = {"tasks": 1, "bytes": record.last_attempt_at, "in_flight": int(active)}
                found[project].update(use)
        for project, kept in self.under(Key.PROJECT):
            counted = {name: int(kept.get(name, 0)) for name in ("tasks", "bytes", "in_flight")}
            if counted != {name: found[project][name] for name in counted}:
                yield f"project {project} counts {counted}, a walk finds {dict(found[project])}"
        if unknown := found.keys() - {project for project, _ in self.under(Key.PROJECT)}:
            yield f"projects with tasks that are not known: {unknown}"

    def _tombstone_faults(self) -> Iterable[str]:
        tombstones = {k: int(v) for k, v in self.hashes.get(Key.TOMBSTONES, {}).items()}
        queued: dict[str, set[str]] = defaultdict(set)
        for task_id, record in self.records.items():
            if record.state is State.QUEUED:
                queued[record.lane].add(task_id)
        found = {
            lane: len(entries)
            - len(queued[lane] & set(entries))
            - len(self.unreadable & {*entries})
            for lane, entries in self.under(Key.WAITING)
        }
        if tombstones != {lane: n for lane, n in found.items() if n}:
            yield f"tombstones are {found}, counted {tombstones}"

    def _suspect_faults(self) -> Iterable[str]:
        suspects = dict(self.under(Key.SUSPECTED))
        if (kept := set(self.zsets.get(Key.SUSPECT_LANES, ()))) != set(suspects):
            yield f"lanes with suspects are {set(suspects)}, kept are {kept}"
        number = sum(map(len, suspects.values()))
        counted = self.hashes.get(Key.COUNTERS, {}).get("suspects")
        if int(counted or 0) != number:
            yield f"suspects are counted {counted}, a walk finds {number}"
        for task_id, level in (item for ids in suspects.values() for item in ids.items()):
            if task_id in self.records and self.records[task_id].interrupted != level:
                yield f"suspect {task_id} stands as one of {level} crashes"

    def _due_faults(self) -> Iterable[str]:
        first = {lane: min(entries.values()) for lane, entries in self.under(Key.SCHEDULED)}
        if (kept := self.zsets.get(Key.DUE, {})) != first:
            yield f"first due times are {first}, kept are {kept}"

    def leftovers(self) -> set[str]:
        """Return the keys that an empty queue should not have."""
        return {key for key in self.keys - FIXED_KEYS if not key.startswith(Key.RINGS)}


class QueueInspector:
    """Takes snapshots of one queue."""

    def __init__(self, client: Redis, queue_name: str) -> None:
        self._client = client
        self._prefix = Keys(queue_name).prefix

    async def snapshot(self) -> Snapshot:
        """Read all keys of the queue by a scan."""
        pattern = self._prefix.replace("[", "\\[") + "*"
        keys = sorted([key async for key in self._client.scan_iter(pattern, count=10_000)])
        types = self._client.pipeline(transaction=False)
        for key in keys:
            types.type(key)
        kinds = await types.execute() if keys else []
        there = [(key, kind) for key, kind in zip(keys, kinds, strict=True) if kind != b"none"]
        values = self._client.pipeline(transaction=False)
        for key, kind in there:
            command, *rest = _READERS[kind]
            scores = {"withscores": True} if kind == b"zset" else {}
            values.execute_command(command, key, *rest, **scores)
        found = await values.execute() if there else []
        snapshot = Snapshot()
        for (key, kind), value in zip(there, found, strict=True):
            snapshot.add(key.decode()[len(self._prefix) :], kind, value)
        return snapshot

    async def places(self, task_id: str) -> list[str]:
        """Return the places of a task now; see ``Snapshot.places``."""
        return (await self.snapshot()).places(task_id)

    async def check(self) -> Snapshot:
        """Return a snapshot; raise AssertionError if an invariant is broken."""
        snapshot = await self.snapshot()
        faults = snapshot.faults()
        if faults:
            raise AssertionError("\n".join(faults))
        return snapshot
