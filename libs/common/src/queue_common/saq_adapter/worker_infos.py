"""Reports of SAQ's workers, for SAQ's web page and health check."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ..queue.storage.connection import reply, translated
from ..queue.storage.keys import Key

if TYPE_CHECKING:
    from saq.types import WorkerInfo

    from ..queue import TaskQueue

__all__ = ["WorkerInfos"]


class WorkerInfos:
    """Reports by worker id. Each worker sets the time for which its report is kept."""

    def __init__(self, tasks: TaskQueue) -> None:
        self._client = tasks.client
        self._keys = tasks.keys
        self._ids = tasks.keys.of(Key.WORKER_INFOS)

    async def read(self) -> dict[str, WorkerInfo]:
        """Return the reports that have not expired."""
        with translated():
            live = await reply(self._client.zrangebyscore(self._ids, time.time(), "+inf"))
            infos = [
                await self._client.get(self._keys.of(Key.WORKER_INFO, i.decode())) for i in live
            ]
        return {i.decode(): json.loads(info) for i, info in zip(live, infos, strict=True) if info}

    async def write(self, worker_id: str, info: WorkerInfo, ttl_seconds: int) -> None:
        """Store a worker's report."""
        now = time.time()
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.setex(self._keys.of(Key.WORKER_INFO, worker_id), ttl_seconds, json.dumps(info))
            pipeline.zremrangebyscore(self._ids, "-inf", now)
            pipeline.zadd(self._ids, {worker_id: now + ttl_seconds})
            pipeline.expire(self._ids, ttl_seconds)
            with translated():
                await pipeline.execute()
