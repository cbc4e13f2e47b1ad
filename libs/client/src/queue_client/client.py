"""The two clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx

from .batch import IN_FLIGHT, Batch
from .callers import TIMEOUT, AsyncCaller, Caller
from .endpoints import Endpoints
from .errors import BatchInterruptedError, QueueClientError, WaitTimeoutError
from .in_flight import in_order, in_order_async
from .retrying import RetryPolicy, Tries
from .settings import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator

    from .batch import Chunk, TaskLike
    from .in_flight import Stop
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
        http = httpx.Client(timeout=timeout, transport=transport)
        super().__init__(http, connection, retry, transport)

    def send_batch(
        self, tasks: Iterable[TaskLike], *, batch_id: str | None = None,
        chunk_size: int | None = None, in_flight: int = IN_FLIGHT,
    ) -> Generator[BatchItem, None, None]:  # fmt: skip
        """Send any number of tasks; yield what became of each, in order.

        Tasks are taken as they are needed, ``in_flight`` requests of them ahead; with 1 the queue
        gets them in their order. A task that is none is refused as the API refuses one. After
        BatchInterruptedError, or a crash, the same tasks under the same ``batch_id`` may be sent
        again: what was accepted is not doubled.
        """
        batch = Batch(batch_id, chunk_size)
        try:
            for items in in_order(self._send_chunk, _chunks(batch, tasks), in_flight):
                batch.settled += len(items)
                yield from items
        except QueueClientError as error:
            raise BatchInterruptedError(batch.batch_id, batch.settled, error) from error

    def _send_chunk(self, chunk: Chunk, stop: Stop) -> list[BatchItem]:
        tries = Tries(self._retry, repeatable=True)
        while chunk.waits:
            delay = chunk.take(self.call(chunk.call(), stop), tries)
            if delay is None or stop.wait(delay):
                break
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
        super().__init__(http, connection, retry, transport)

    async def send_batch(
        self, tasks: Iterable[TaskLike] | AsyncIterable[TaskLike], *,
        batch_id: str | None = None, chunk_size: int | None = None, in_flight: int = IN_FLIGHT,
    ) -> AsyncGenerator[BatchItem, None]:  # fmt: skip
        """Send any number of tasks; yield what became of each, in order.

        Tasks are taken as they are needed, ``in_flight`` requests of them ahead; with 1 the queue
        gets them in their order. A task that is none is refused as the API refuses one. After
        BatchInterruptedError, or a crash, the same tasks under the same ``batch_id`` may be sent
        again: what was accepted is not doubled.
        """
        batch = Batch(batch_id, chunk_size)
        chunks = _chunks_async(batch, tasks)
        try:
            async with aclosing(in_order_async(self._send_chunk, chunks, in_flight)) as sent:
                async for items in sent:
                    batch.settled += len(items)
                    for item in items:
                        yield item
        except QueueClientError as error:
            raise BatchInterruptedError(batch.batch_id, batch.settled, error) from error

    async def _send_chunk(self, chunk: Chunk) -> list[BatchItem]:
        tries = Tries(self._retry, repeatable=True)
        while chunk.waits:
            delay = chunk.take(await self.call(chunk.call()), tries)
            if delay is None:
                break
            await asyncio.sleep(delay)
        return chunk.in_order()

    async def wait(self, task_id: str, *, timeout: float | None = None) -> TaskStatus:
        """Wait until a task has come to its end; ``timeout`` in seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = FIRST_POLL
        while not (task := await self.get_task(task_id)).settled:
            await asyncio.sleep(_until(deadline, poll, task))
            poll = min(poll * 1.5, MAX_POLL)
        return task


def _until(deadline: float | None, poll: float, task: TaskStatus) -> float:
    if deadline is None:
        return poll
    left = deadline - time.monotonic()
    if left <= 0:
        msg = f"task {task.id} is still {task.state} after {task.attempts} attempts"
        raise WaitTimeoutError(msg)
    return min(poll, left)


def _chunks(batch: Batch, tasks: Iterable[TaskLike]) -> Iterator[Chunk | None]:
    """Yield after each task: a chunk that is full, or None."""
    for task in tasks:
        yield batch.add(task)
    yield batch.rest()


async def _chunks_async(
    batch: Batch, tasks: Iterable[TaskLike] | AsyncIterable[TaskLike]
) -> AsyncIterator[Chunk | None]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield batch.add(task)
    else:
        for task in tasks:
            yield batch.add(task)
    yield batch.rest()
