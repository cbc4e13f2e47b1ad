"""The two clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING

import httpx

from .batch import Batch
from .callers import TIMEOUT, AsyncCaller, Caller
from .endpoints import Endpoints
from .errors import (
    ApiError,
    BatchInterruptedError,
    QueueClientError,
    WaitTimeoutError,
    error_of_problem,
)
from .retrying import RetryPolicy, Tries
from .settings import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable

    from .batch import Chunk, TaskLike
    from .models import BatchItem, TaskStatus

__all__ = ["AsyncQueueClient", "QueueClient"]

FIRST_POLL, MAX_POLL = 0.05, 2.0


class QueueClient(Endpoints, Caller):
    """The API for programs that wait.

    ``base_url``, ``token`` and ``project`` come from QUEUE_URL, QUEUE_TOKEN and QUEUE_PROJECT if
    they are not given. A client is to be kept and shared, also between threads.
    """

    def __init__(
        self, base_url: str | None = None, token: str | None = None, *,
        project: str | None = None, retry: RetryPolicy | None = None,
        timeout: float | httpx.Timeout = TIMEOUT, transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        connection = Connection.of(base_url, token, project)
        super().__init__(httpx.Client(timeout=timeout, transport=transport), connection, retry)

    def send_batch(
        self, tasks: Iterable[TaskLike], *, batch_id: str | None = None,
        chunk_size: int | None = None,
    ) -> Generator[BatchItem, None, None]:  # fmt: skip
        """Send any number of tasks; yield what became of each, in order.

        Tasks are taken as they are needed. After BatchInterruptedError, or a crash, the same tasks
        under the same ``batch_id`` may be sent again: what was accepted is not doubled.
        """
        batch = Batch(batch_id, chunk_size)
        for task in tasks:
            if (chunk := batch.add(task)) is not None:
                yield from self._send_chunk(batch, chunk)
        if (chunk := batch.rest()) is not None:
            yield from self._send_chunk(batch, chunk)

    def _send_chunk(self, batch: Batch, chunk: Chunk) -> list[BatchItem]:
        tries = Tries(self._retry, repeatable=True)
        try:
            while (refused := chunk.take(self.call(chunk.call()))) is not None:
                if (delay := _delay(tries, refused)) is None:
                    break
                time.sleep(delay)
        except QueueClientError as error:
            raise BatchInterruptedError(batch.batch_id, batch.settled, error) from error
        batch.settled += len(chunk.items)
        return chunk.in_order()

    def wait(self, task_id: str, *, timeout: float | None = None) -> TaskStatus:
        """Wait until a task has come to its end; ``timeout`` in seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = FIRST_POLL
        while not (task := self.get_task(task_id)).settled:
            time.sleep(_until(deadline, poll, task))
            poll = min(poll * 1.5, MAX_POLL)
        return task


class AsyncQueueClient(Endpoints, AsyncCaller):
    """The API for programs on asyncio; the same methods, to be awaited."""

    def __init__(
        self, base_url: str | None = None, token: str | None = None, *,
        project: str | None = None, retry: RetryPolicy | None = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        connection = Connection.of(base_url, token, project)
        http = httpx.AsyncClient(timeout=timeout, transport=transport)
        super().__init__(http, connection, retry)

    async def send_batch(
        self, tasks: Iterable[TaskLike] | AsyncIterable[TaskLike], *,
        batch_id: str | None = None, chunk_size: int | None = None,
    ) -> AsyncGenerator[BatchItem, None]:  # fmt: skip
        """Send any number of tasks; yield what became of each, in order.

        Tasks are taken as they are needed. After BatchInterruptedError, or a crash, the same tasks
        under the same ``batch_id`` may be sent again: what was accepted is not doubled.
        """
        batch = Batch(batch_id, chunk_size)
        async for task in _each(tasks):
            if (chunk := batch.add(task)) is not None:
                for item in await self._send_chunk(batch, chunk):
                    yield item
        if (chunk := batch.rest()) is not None:
            for item in await self._send_chunk(batch, chunk):
                yield item

    async def _send_chunk(self, batch: Batch, chunk: Chunk) -> list[BatchItem]:
        tries = Tries(self._retry, repeatable=True)
        try:
            while (refused := chunk.take(await self.call(chunk.call()))) is not None:
                if (delay := _delay(tries, refused)) is None:
                    break
                await asyncio.sleep(delay)
        except QueueClientError as error:
            raise BatchInterruptedError(batch.batch_id, batch.settled, error) from error
        batch.settled += len(chunk.items)
        return chunk.in_order()

    async def wait(self, task_id: str, *, timeout: float | None = None) -> TaskStatus:
        """Wait until a task has come to its end; ``timeout`` in seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = FIRST_POLL
        while not (task := await self.get_task(task_id)).settled:
            await asyncio.sleep(_until(deadline, poll, task))
            poll = min(poll * 1.5, MAX_POLL)
        return task


def _delay(tries: Tries, refused: BatchItem) -> float | None:
    if refused.problem is None:
        return None
    error = error_of_problem(refused.problem)
    error.retry_after = refused.retry_after
    try:
        return tries.after_refusal(error)
    except ApiError:
        return None  # the items tell it


def _until(deadline: float | None, poll: float, task: TaskStatus) -> float:
    if deadline is None:
        return poll
    left = deadline - time.monotonic()
    if left <= 0:
        msg = f"task {task.id} is still {task.state} after {task.attempts} attempts"
        raise WaitTimeoutError(msg)
    return min(poll, left)


async def _each(tasks: Iterable[TaskLike] | AsyncIterable[TaskLike]) -> AsyncIterator[TaskLike]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield task
    else:
        for task in tasks:
            yield task
