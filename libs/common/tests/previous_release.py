"""The scripts of the previous release, as its processes run them beside ours."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Keys
from queue_common.queue.storage.record import queued_record
from queue_common.task import Task

__all__ = ["PreviousRelease"]

FOLDER = Path(__file__).parent / "previous_scripts"
SHARED = ("prelude", "retention", "lanes", "suspects")
CLAIM = ("claim_suspects", "claim_promotion", "claim_polling")
DAY_MS = 24 * 3600 * 1000
ORDER = struct.Struct(">cQIHIIc")


class PreviousRelease:
    """A client and worker of the previous release, one script a call."""

    def __init__(self, client: Redis, queue_name: str) -> None:
        self._client = client
        self._tag = Keys(queue_name).hash_tag
        self._on_trial: set[str] = set()

    async def run(self, name: str, *arguments: str | bytes | int) -> Any:  # noqa: ANN401
        """Run a script and return its result."""
        parts = (*SHARED, *(CLAIM if name == "claim" else ()), name)
        text = "\n".join((FOLDER / f"{part}.lua").read_text() for part in parts)
        return await reply(self._client.eval(text, 1, self._tag, *arguments))

    async def submit_all(self, tasks: Iterable[tuple[str, Task]]) -> None:
        """Store tasks with one script call."""
        arguments: list[str | bytes | int] = []
        for task_id, task in tasks:
            record = queued_record(task.lane, task.encode(), task.digest())
            arguments += [task_id, task.lane, 0, record]
        await self.run("enqueue", *arguments)

    async def submit(self, task_id: str, task: Task, *, delay_ms: int = 0) -> None:
        """Store a task."""
        record = queued_record(task.lane, task.encode(), task.digest())
        await self.run("enqueue", task_id, task.lane, delay_ms, record)

    async def register(self, lease: str) -> None:
        """Take a lease."""
        await self.run("register", lease, DAY_MS, 1000)

    async def claim(self, lease: str, wanted: int) -> list[str]:
        """Return the ids of tasks that the worker has claimed."""
        found = await self.run("claim", lease, wanted, 0, -1, 1, 1000, 1000, 0)
        task_ids = [task_id.decode() for task_id in found[2::3]]
        self._on_trial |= set(task_ids[found[1] :])
        return task_ids

    async def settle(self, lease: str, task_id: str, *, delivers: bool) -> None:
        """End a claim: delivered, or to be tried again at once after a timeout."""
        success = b"p" if task_id in self._on_trial else b"g"
        action, evidence = (b"k", success) if delivers else (b"s", b"b")
        order = ORDER.pack(action, 0, 1, 0, 0, 0, evidence)
        await self.run("settle", lease, 0, 1000, DAY_MS, 1000, 0, task_id, order, b"")

    async def reap(self) -> None:
        """Release what ended leases hold."""
        while (await self.run("reap", 500, 3, b"", DAY_MS, DAY_MS))[3]:
            pass
