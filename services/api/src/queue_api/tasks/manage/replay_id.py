"""The ids of replays: a repeated call finds the task of the first one by its id."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queue_common.errors import UnknownTaskError
from queue_common.task import State, derived_task_id

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue
    from queue_common.task import Task, TaskId

__all__ = ["FREED", "keyed_id", "replay_id"]

REPEAT_SECONDS = 10
"""Without a key, calls with the same content within this time create one task."""
FREED = frozenset({State.DEAD, State.CANCELLED})
"""A replay in these states has sent nothing, or not enough: a repeated call makes another one."""
AT_ONCE = 4
"""Ids looked up in one round trip. Nearly always the first one is the answer."""


async def replay_id(queue: TaskQueue, source: TaskId, task: Task, key: str | None) -> TaskId:
    """Return the id under which a call replays a task: of an earlier call's task, or a new one.

    To submit the task again under the id of the earlier one changes nothing.
    """
    if key is not None:
        return await keyed_id(queue, source, key)
    content, window = task.digest().hex(), int(time.time()) // REPEAT_SECONDS
    before = await _last_or_next(queue, source, f"{content} {window - 1}")
    if await _is_recent(queue, before):
        return before
    return await _last_or_next(queue, source, f"{content} {window}")


async def keyed_id(queue: TaskQueue, source: TaskId, key: str) -> TaskId:
    """Return the same for a call with a key."""
    return await _last_or_next(queue, source, f"key {key}")


async def _is_recent(queue: TaskQueue, task_id: TaskId) -> bool:
    try:
        found = await queue.get_task(task_id)
    except UnknownTaskError:
        return False
    since_ms = (time.time() - REPEAT_SECONDS) * 1000
    return found.task is not None and found.task.accepted_at_ms > since_ms


async def _last_or_next(queue: TaskQueue, source: TaskId, seed: str) -> TaskId:
    """Return the last id of a seed that has a task, or the one after it if that task is freed.

    The later ids are looked at even if an earlier one has no task: that may have been deleted.
    """
    number = 0
    while True:
        ids = [_id(source, seed, number + i) for i in range(AT_ONCE)]
        records = await queue.reader.records([*ids])
        last = max((i for i, record in enumerate(records) if record is not None), default=-1)
        record = records[last] if last >= 0 else None
        if record is not None and record.state not in FREED:
            return ids[last]
        if last + 1 < AT_ONCE:
            return ids[last + 1]
        number += AT_ONCE


def _id(source: TaskId, seed: str, number: int) -> TaskId:
    return derived_task_id(source, f"{seed} again {number}" if number else seed)
