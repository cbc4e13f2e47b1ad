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


class _Running(Generic[WorkT, DoneT]):
    """Work in a thread of its own. It ends with the process: it holds up no Ctrl-C."""

    def __init__(self, do: Callable[[WorkT, Stop], DoneT], work: WorkT, stop: Stop) -> None:
        self.ended = False
        self.future: Future[DoneT] = Future()
        threading.Thread(target=self._run, args=(do, work, stop), daemon=True).start()

    def _run(self, do: Callable[[WorkT, Stop], DoneT], work: WorkT, stop: Stop) -> None:
        try:
            self.future.set_result(do(work, stop))
        except BaseException as error:  # it is raised where the result is waited for
            self.future.set_exception(error)
        self.ended = True


def in_order(
    do: Callable[[WorkT, Stop], DoneT], works: Iterator[WorkT | None], limit: int
) -> Generator[DoneT, None, None]:
    """Do up to ``limit`` works at a time, and yield their results in the order of the works.

    None among the works stands for one that is not there yet: results that are there come first.
    At an error nothing further is started, and what runs is waited for.
    """
    stop = Stop()
    running: deque[_Running[WorkT, DoneT]] = deque()
    try:
        for work in works:
            if work is not None:
                running.append(_Running(do, work, stop))
            while running and (len(running) >= limit or running[0].ended):
                yield running.popleft().future.result()
        while running:
            yield running.popleft().future.result()
    except Exception:
        stop.set()
        for one in running:
            one.future.exception()
        raise
    finally:
        stop.set()


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
