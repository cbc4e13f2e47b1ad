"""Checks of what a queue keeps of settled tasks: dead letters, their groups, and bytes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from queue_common.lanes import PROJECT_SEPARATOR, split_lane
from queue_common.queue.storage.keys import Key
from queue_common.task import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .content import QueueContent

__all__ = ["settled_faults"]


def settled_faults(content: QueueContent) -> Iterable[str]:
    """Return a sentence for each broken invariant."""
    yield from _dead_faults(content)
    yield from _group_faults(content)
    yield from _size_faults(content)


def _dead_faults(content: QueueContent) -> Iterable[str]:
    dead = {i for i, record in content.records.items() if record.state is State.DEAD}
    if (kept := set(content.zsets.get(Key.DEAD, ()))) != dead:
        yield f"dead are {dead}, kept are {kept}"
    by_lane = {i for _, ids in content.under(Key.DEAD_IN_LANE) for i in ids}
    if by_lane != dead:
        yield f"dead are {dead}, by lane {by_lane}"


def _group_faults(content: QueueContent) -> Iterable[str]:
    dead = content.zsets.get(Key.DEAD, {})
    group_of = content.hashes.get(Key.DEAD_GROUP_OF, {})
    if group_of.keys() != dead.keys():
        yield f"dead are {set(dead)}, grouped are {set(group_of)}"
    members = {group: set(ids.items()) for group, ids in content.under(Key.DEAD_GROUP)}
    found: dict[str, set[tuple[str, float]]] = {}
    numbers: dict[str, Counter[str]] = {}
    for task_id, group in group_of.items():
        found.setdefault(group, set()).add((task_id, dead.get(task_id, 0)))
        lane = group.rsplit("\n", 2)[0]
        for scope in ("", split_lane(lane)[0] + PROJECT_SEPARATOR, lane):
            numbers.setdefault(scope, Counter())[group] += 1
    if members != found:
        yield f"groups of dead letters are {found}, kept are {members}"
    if (kept := {scope: Counter(c) for scope, c in content.under(Key.DEAD_GROUPS)}) != numbers:
        yield f"groups are counted {kept}, a walk finds {numbers}"


def _size_faults(content: QueueContent) -> Iterable[str]:
    dead = {i: content.sizes.get(i, 0) for i in content.zsets.get(Key.DEAD, ())}
    kept = {i: int(size) for i, size in content.hashes.get(Key.DEAD_SIZES, {}).items()}
    if kept != dead:
        yield f"dead letters take {dead}, kept are {kept}"
    results = {entry[22:]: int(entry[13:22]) for entry in content.lists.get(Key.RESULTS, ())}
    # If an id was used again, the entry of its first record remains.
    settled = {i for i, record in content.records.items() if record.state.settled}
    there = {i: content.sizes[i] for i in results if i in settled}
    if there != {i: size for i, size in results.items() if i in there}:
        yield f"results take {there}, kept are {results}"
    counters = content.hashes.get(Key.COUNTERS, {})
    entries = [int(entry[13:22]) for entry in content.lists.get(Key.RESULTS, ())]
    for name, size in (("dead_bytes", sum(dead.values())), ("result_bytes", sum(entries))):
        if int(counters.get(name, 0)) != size:
            yield f"{name} is {counters.get(name)}, a walk finds {size}"
