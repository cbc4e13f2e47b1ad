"""A relay in front of the API that counts the streams of events."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["CountingRelay"]

EVENTS = b"GET /api/v1/events"


class CountingRelay:
    """Relays connections to a loopback port while its context is entered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        self.streams = 0
        """Streams of events that are open."""
        self.most = 0
        """Max streams that were open at a time."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(_pump(server, answers))
        streams = 0
        try:
            while received := await client.read(1 << 16):
                if EVENTS in received:
                    streams = 1
                    self.streams += 1
                    self.most = max(self.most, self.streams)
                requests.write(received)
        finally:
            self.streams -= streams
            back.cancel()
            answers.close()
            requests.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while received := await source.read(1 << 16):
        target.write(received)
    target.close()
