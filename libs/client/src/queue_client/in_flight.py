"""Several requests at a time whose answers come in their order."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Generator,
        Iterator,
    )

__all__ = ["Stop", "in_order", "in_order_async"]

WorkT = TypeVar("WorkT")
DoneT = TypeVar("DoneT")
Stop = threading.Event
"""Set once no more requests are to be made."""


class _Threads(Generic[WorkT, DoneT]):
    """Does work in threads of its own. They end with the process: none holds up a Ctrl-C."""

    def __init__(self, do: Callable[[WorkT, Stop], DoneT]) -> None:
        self._do = do
        self.stop = Stop()

    def start(self, work: WorkT) -> Future[DoneT]:
        """Begin the work; its result, or its error, is in the future."""
        future: Future[DoneT] = Future()
        threading.Thread(target=self._run, args=(work, future), daemon=True).start()
        return future

    def _run(self, work: WorkT, future: Future[DoneT]) -> None:
        try:
            future.set_result(self._do(work, self.stop))
        except BaseException as error:  # it is raised where the result is waited for
            future.set_exception(error)


def in_order(
    do: Callable[[WorkT, Stop], DoneT], works: Iterator[WorkT | None], limit: int
) -> Generator[DoneT, None, None]:
    """Do up to ``limit`` works at a time, and yield their results in the order of the works.

    None among the works stands for one that is not there yet: results that are there come first.
    At an error nothing further is started, and what runs is waited for.
    """
    threads = _Threads(do)
    running: deque[Future[DoneT]] = deque()
    try:
        for work in works:
            if work is not None:
                running.append(threads.start(work))
            while running and (len(running) >= limit or running[0].done()):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except Exception:
        threads.stop.set()
        for future in running:
            future.exception()
        raise
    finally:
        threads.stop.set()


async def in_order_async(
    do: Callable[[WorkT], Awaitable[DoneT]], works: AsyncIterator[WorkT | None], limit: int
) -> AsyncGenerator[DoneT, None]:
    """Do as ``in_order`` does, with tasks of asyncio; what still runs at the end is cancelled."""
    running: deque[asyncio.Future[DoneT]] = deque()
    try:
        async for work in works:
            if work is not None:
                running.append(asyncio.ensure_future(do(work)))
            while running and (len(running) >= limit or running[0].done()):
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)
