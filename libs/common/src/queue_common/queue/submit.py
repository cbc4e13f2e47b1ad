"""Taking tasks in: concurrent submissions share round trips."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import ConflictError, QueueUnavailableError
from .connection import translated
from .record import queued_record

if TYPE_CHECKING:
    from ..task import TaskId
    from .observer import QueueObserver
    from .scripts import Argument, Scripts

__all__ = ["Submitter"]

TASKS_A_CALL = 200
"""A script call of this size takes Redis about 1 ms: no client waits longer for another's batch."""
BYTES_A_CALL = 1 << 20
GATHER_SECONDS = 0.002
"""How long at most the next batch gathers where several clients submit at once: it then shares its
round trip, and with ``appendfsync always`` its fsync, among more. It goes as soon as all are back
who were there a moment ago. A client that is alone never waits."""
REPLICATION_TIMEOUT_MS = 1000

_Submission = tuple[tuple["Argument", ...], "asyncio.Future[bool]"]


class Submitter:
    """Coalesces submissions: while one batch is under way, the next one gathers."""

    def __init__(
        self, scripts: Scripts, observer: QueueObserver, *, replicas: int,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:  # fmt: skip
        self._scripts = scripts
        self._observer = observer
        self._replicas = replicas
        self._gather_seconds = gather_seconds
        self._waiting: deque[_Submission] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._crowd = 0
        """How many must wait for the batch that gathers to go before its time."""
        self._all_back = asyncio.Event()

    def submit(
        self, task_id: TaskId, lane: str, payload: bytes, digest: bytes, *, delay_ms: int = 0
    ) -> asyncio.Future[bool]:
        """Return what is done once Redis has answered: True for a new task, False for a known one.

        It fails with ConflictError where the id belongs to another task, QueueUnavailableError
        where the task may not have been written; it may be submitted again under the same id.
        """
        # Encoded here, so that what cannot be encoded fails its own caller and no batch.
        record = queued_record(lane, payload, digest)
        arguments = (task_id.encode(), lane.encode(), delay_ms, record)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((arguments, future))
        if len(self._waiting) == self._crowd:
            self._all_back.set()
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        return future

    async def _send_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            await self._send_batch(batch)
            if 1 < len(batch) < TASKS_A_CALL:
                await self._gather(len(batch) + len(self._waiting))

    async def _gather(self, crowd: int) -> None:
        self._crowd = min(crowd, TASKS_A_CALL)
        self._all_back.clear()
        if len(self._waiting) < self._crowd:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_seconds):
                    await self._all_back.wait()
        self._crowd = 0

    async def _send_batch(self, batch: list[_Submission]) -> None:
        try:
            results = await self._send([a for arguments, _ in batch for a in arguments])
        except Exception as error:
            self._observer.submitted(len(batch), type(error).__name__)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            self._observer.submitted(len(batch), "")
            for submission, result in zip(batch, results, strict=True):
                _settle(submission, result)

    def _next_batch(self) -> list[_Submission]:
        batch: list[_Submission] = []
        size = 0
        while self._waiting and len(batch) < TASKS_A_CALL and size < BYTES_A_CALL:
            submission = self._waiting.popleft()
            size += len(submission[0][3])  # type: ignore[arg-type]
            batch.append(submission)
        return batch

    async def _send(self, arguments: list[Argument]) -> list[int]:
        results: list[int]
        with translated():
            if not self._replicas:
                results = await self._scripts.run("enqueue", *arguments)
                return results
            results, have = await self._scripts.run_replicated(
                "enqueue", *arguments, replicas=self._replicas, timeout_ms=REPLICATION_TIMEOUT_MS
            )
        if have < self._replicas:
            msg = f"{have} of {self._replicas} replicas have the task after 1 s"
            raise QueueUnavailableError(msg, summary="Too few replicas of Redis have the task")
        return results

    async def close(self) -> None:
        """Wait for what is under way."""
        self._all_back.set()
        if self._sender is not None:
            await asyncio.wait([self._sender])


def _settle(submission: _Submission, result: int) -> None:
    arguments, future = submission
    if future.done():  # whoever waited has been cancelled
        return
    if result < 0:
        msg = f"a task with the id {arguments[0].decode()} and other content exists"  # type: ignore[union-attr]
        future.set_exception(ConflictError(msg))
    else:
        future.set_result(result == 1)
