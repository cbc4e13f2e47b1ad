"""Writes new tasks to Redis: concurrent submissions share round trips."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import (
    ConflictError,
    IdempotencyConflictError,
    IntakeFullError,
    LimitError,
    QueueUnavailableError,
)
from ..task import TaskId
from .storage.codes import LIMITS, NEW, OTHER_CONTENT
from .storage.record import queued_record
from .storage.reply_deadline import REPLY_SECONDS, is_silence, reply_until

if TYPE_CHECKING:
    from .activity import Activity
    from .hooks import QueueHooks
    from .storage.scripts import Argument, Scripts

__all__ = ["MAX_WAITING_BYTES", "EnqueueBatcher", "Stored", "WaitingTask"]

Stored = bool | TaskId
"""True: the task is new. False: the same task was there. An id: the task that the same request with
the same idempotency key has made."""

BATCH_SIZE = 200
"""Max tasks in a batch. It takes Redis about 1 ms, which is how long other clients wait for it."""
BATCH_BYTES = 1 << 20
GATHER_SECONDS = 0.002
"""Maximum time to wait for more submissions before sending a batch. They then share its round trip
and, with ``appendfsync always``, its fsync. The batch is sent as soon as it holds as many
submissions as the previous one. A lone client is never delayed."""
REPLICATION_TIMEOUT_MS = 1000

MAX_WAITING_BYTES = 32 << 20
OVERHEAD_BYTES = 1024
"""Added to the size of each record: the memory of its request in this process."""


class WaitingTask(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A task that waits for Redis."""

    arguments: tuple[Argument, ...]
    stored: asyncio.Future[Stored]
    lane: str
    bytes: int
    deadline: float
    """By the loop's clock. Later submissions have later deadlines."""


class EnqueueBatcher:
    """Sends submissions in batches. Those that arrive during one batch form the next.

    Each ends within ``reply_seconds``: a batch fails at the deadline of its first submission. If
    Redis did not reply at all, all waiting submissions fail with it.
    """

    def __init__(
        self, scripts: Scripts, hooks: QueueHooks, activity: Activity, *, replicas: int,
        gather_seconds: float = GATHER_SECONDS, reply_seconds: float = REPLY_SECONDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES, max_backlog: int = 0,
        max_lane_backlog: int = 0,
    ) -> None:  # fmt: skip
        self._scripts = scripts
        self._hooks = hooks
        self._activity = activity
        self._backlogs: tuple[Argument, ...] = (max_backlog, max_lane_backlog)
        self._replicas = replicas
        self._gather_seconds = gather_seconds
        self._reply_seconds = reply_seconds
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_bytes = 0
        """Size of all submissions without a result."""
        self._waiting: deque[WaitingTask] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._expected = 0
        """The next batch is sent as soon as it holds so many submissions."""
        self._all_expected_came = asyncio.Event()

    def submit(
        self, task_id: TaskId, lane: str, payload: bytes, digest: bytes, *, delay_ms: int = 0,
        name: str = "",
    ) -> asyncio.Future[Stored]:  # fmt: skip
        """Return a future of Redis' reply; ``name`` is what ``TaskNames`` returns.

        The future raises ConflictError if the id belongs to another task, and
        IdempotencyConflictError if the name does. It raises QueueUnavailableError if the task may
        not have been written; submitting it again under the same id is safe. IntakeFullError: it
        was not written, because too many tasks wait. LimitError: it was not written, because its
        project, its lane or the queue is at a limit.
        """
        # Encoded here, so that an error fails its own caller only, and not the batch.
        record = queued_record(lane, payload, digest)
        delay = f"{delay_ms} {name}" if name else delay_ms
        arguments = (task_id.encode(), lane.encode(), delay, record)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Stored] = loop.create_future()
        size = len(record) + OVERHEAD_BYTES
        # A single submission is accepted whatever its size.
        if self._waiting_bytes and self._waiting_bytes + size > self._max_waiting_bytes:
            self._refuse(future)
            return future
        self._waiting_bytes += size
        deadline = loop.time() + self._reply_seconds
        self._waiting.append(WaitingTask(arguments, future, lane, size, deadline))
        if len(self._waiting) == self._expected:
            self._all_expected_came.set()
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        return future

    def _refuse(self, future: asyncio.Future[Stored]) -> None:
        self._hooks.submitted(1, IntakeFullError.__name__)
        msg = "tasks of too many bytes wait for Redis: API_MAX_WAITING_BYTES"
        future.set_exception(IntakeFullError(msg, summary="Too many tasks wait for Redis"))

    async def _send_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            await self._send_batch(batch)
            if 1 < len(batch) < BATCH_SIZE:
                await self._wait_for_more(len(batch) + len(self._waiting))

    async def _wait_for_more(self, expected: int) -> None:
        self._expected = min(expected, BATCH_SIZE)
        self._all_expected_came.clear()
        if len(self._waiting) < self._expected:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_seconds):
                    await self._all_expected_came.wait()
        self._expected = 0

    async def _send_batch(self, batch: list[WaitingTask]) -> None:
        try:
            arguments = [*self._backlogs]
            arguments += [a for submission in batch for a in submission.arguments]
            results = await self._send(arguments, batch[0].deadline)
        except Exception as error:
            if is_silence(error):
                batch.extend(self._waiting)
                self._waiting.clear()
            self._hooks.submitted(len(batch), type(error).__name__)
            for submission in batch:
                if not submission.stored.done():
                    submission.stored.set_exception(error)
        else:
            new = results.count(NEW)
            self._hooks.submitted(new, "")
            if new != len(batch):
                self._report_refusals(results)
            self._activity.accepted(batch, results)
            for submission, result in zip(batch, results, strict=True):
                _settle(submission, result)
        self._waiting_bytes -= sum([submission.bytes for submission in batch])

    def _report_refusals(self, results: list[Any]) -> None:
        for error, tasks in Counter(map(_error_name, results)).items():
            if error:
                self._hooks.submitted(tasks, error)

    def _next_batch(self) -> list[WaitingTask]:
        batch: list[WaitingTask] = []
        size = 0
        while self._waiting and len(batch) < BATCH_SIZE and size < BATCH_BYTES:
            submission = self._waiting.popleft()
            size += submission.bytes
            batch.append(submission)
        return batch

    async def _send(self, arguments: list[Argument], deadline: float) -> list[Any]:
        results: list[Any]
        async with reply_until(deadline):
            if not self._replicas:
                results = await self._scripts.run("enqueue", *arguments)
                return results
            results, acknowledged = await self._scripts.run_replicated(
                "enqueue", *arguments, replicas=self._replicas, timeout_ms=REPLICATION_TIMEOUT_MS
            )
        if acknowledged < self._replicas:
            msg = f"{acknowledged} of {self._replicas} replicas have the task after 1 s"
            raise QueueUnavailableError(msg, summary="Too few replicas of Redis have the task")
        return results

    async def close(self) -> None:
        """Wait until all submissions have their results."""
        self._all_expected_came.set()
        if self._sender is not None:
            await asyncio.wait([self._sender])


def _limit_error(
    record: Argument, code: int, retry_after_ms: int, quota: bytes | int, burst: int = 0
) -> LimitError:
    shown = quota.decode() if isinstance(quota, bytes) else str(quota)
    limit = LIMITS[code]
    assert isinstance(record, bytes)  # noqa: S101 - of ``submit``
    needed = len(record) if limit == "stored_bytes" else 1
    fits = limit == "rate" or needed <= int(shown)
    return LimitError(limit, shown, burst=burst, retry_after_ms=retry_after_ms, fits=fits)


def _error_name(result: Any) -> str:  # noqa: ANN401 - of enqueue.lua
    """Return the name of a refused task's error; empty if the task is new or was there before."""
    if isinstance(result, list):
        return LimitError.__name__
    if isinstance(result, bytes) or result >= 0:
        return ""
    return (IdempotencyConflictError if result == OTHER_CONTENT else ConflictError).__name__


def _settle(submission: WaitingTask, result: Any) -> None:  # noqa: ANN401 - of enqueue.lua
    arguments, future = submission.arguments, submission.stored
    if future.done():  # its caller was cancelled
        return
    if isinstance(result, list):
        future.set_exception(_limit_error(arguments[3], *result))
    elif isinstance(result, bytes):
        future.set_result(TaskId(result.decode()))
    elif result == OTHER_CONTENT:
        msg = "another request was sent with this idempotency key"
        future.set_exception(IdempotencyConflictError(msg))
    elif result < 0:
        msg = f"a task with the id {arguments[0].decode()} and other content exists"  # type: ignore[union-attr]
        future.set_exception(ConflictError(msg))
    else:
        future.set_result(result == NEW)
