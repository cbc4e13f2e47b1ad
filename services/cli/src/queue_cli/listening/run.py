"""Takes a lane's deliveries until the user ends it."""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from typing import TYPE_CHECKING, Any

from queue_client import AsyncQueueClient, ConflictError, NotFoundError, QueueClientError

from ..failures import describe
from ..output import Output, note
from ..session import dashboard_of
from .deliveries import Deliveries
from .forward import Forwarder, target_of
from .keys import pressed_keys
from .show import show_delivery, show_line

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from queue_client import Delivery

    from ..session import Session
    from .forward import Forwarded

__all__ = ["run"]


async def run(
    session: Session, where: dict[str, str], target: str, concurrency: int, output: Output
) -> None:
    """Listen until Ctrl-C or q; gives the lane back then."""
    connection = session.client.connection
    async with AsyncQueueClient(
        connection.base_url, connection.token or "", project=connection.project or ""
    ) as client:
        listener = await client.create_listener(**where)
        deliveries = Deliveries(client, where, listener)
        listening = Listening(session, client, deliveries, Forwarder(target), concurrency, output)
        try:
            await listening.run(target_of(target))
        finally:
            await listening.close()


class Listening:
    """One listener: a loop that takes deliveries, and a task for each of them."""

    def __init__(
        self, session: Session, client: AsyncQueueClient, deliveries: Deliveries,
        forwarder: Forwarder, concurrency: int, output: Output,
    ) -> None:  # fmt: skip
        self._session = session
        self._client = client
        self._deliveries = deliveries
        self._forwarder = forwarder
        self._free = asyncio.Semaphore(concurrency)
        self._output = output
        self._ended = asyncio.Event()
        self._last: Forwarded | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, target: str) -> None:
        """Take deliveries until a key or a signal ends it."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._ended.set)
        with pressed_keys(self._on_key) as keys:
            note(f"deliveries of {self._deliveries.listener.lane} come to {target}"
                 + ("; r repeats, d shows, o opens, q ends" if keys else ""))  # fmt: skip
            taking = asyncio.create_task(self._take())
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait([taking, ended], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if taking.done():
                taking.result()
            taking.cancel()

    async def close(self) -> None:
        """Finish what is in flight and give the lane back."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._client.delete_listener(self._deliveries.listener.id)
        except QueueClientError:
            note("the lane goes back to the workers within 45 s")
        await self._forwarder.close()

    async def _take(self) -> None:
        while True:
            await self._free.acquire()
            delivery = await self._deliveries.next()
            if delivery is None:
                self._free.release()
            else:
                self._start(self._make(delivery))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, delivery: Delivery) -> None:
        try:
            self._last = done = await self._forwarder.forward(delivery)
            result = await self._client.send_result(self._deliveries.listener.id, **done.result())
            show_line(done, result, self._output)
        except (ConflictError, NotFoundError):
            note(f"{delivery.task_id}: too late, it is tried again")
        except QueueClientError as error:
            note(describe(error)[0])
        finally:
            self._free.release()

    async def _repeat(self, done: Forwarded) -> None:
        show_line(await self._forwarder.forward(done.delivery), None, self._output)

    def _on_key(self, key: str) -> None:
        if key == "q":
            self._ended.set()
        elif self._last is None:
            note("nothing has come yet")
        elif key == "r":
            self._start(self._repeat(self._last))
        elif key == "d":
            show_delivery(self._last)
        elif key == "o":
            webbrowser.open(dashboard_of(self._session, self._last.delivery.task_id))
