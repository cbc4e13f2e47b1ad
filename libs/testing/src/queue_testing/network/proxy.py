"""A TCP relay that cuts connections to a server at a chosen moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CuttingProxy"]

CHUNK_BYTES = 1 << 20


class CuttingProxy:
    """Relays connections to a loopback port while its context is entered."""

    def __init__(self, server_port: int) -> None:
        self.cuts = 0
        """Connections cut so far."""
        self.port = 0
        self._server_port = server_port
        self._needle = b""
        self._holds = False
        self._released = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """``host:port``, for REDIS_ADDR."""
        return f"127.0.0.1:{self.port}"

    def lead_to(self, server_port: int) -> None:
        """Relay new connections to another server. Open ones are not moved."""
        self._server_port = server_port

    def cut_answer_to(self, needle: bytes) -> None:
        """Pass on the next request that contains ``needle``, and drop its response."""
        self._needle, self._holds = needle, False

    def hold(self, needle: bytes) -> None:
        """Cut the client at the next request with ``needle``, which the server gets at ``release``.

        So it goes when the network stalls: the client has given up, its command is on its way.
        """
        self._needle, self._holds = needle, True
        self._released.clear()

    def release(self) -> None:
        """Send the held request to the server."""
        self._released.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        await asyncio.gather(*(w.wait_closed() for w in self._writers), return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers += [to_client, to_server]
        back = asyncio.create_task(self._pump(server, to_client))
        try:
            while request := await client.read(CHUNK_BYTES):
                if self._needle and self._needle in request:
                    await self._cut(request, to_client, to_server, back)
                    return
                to_server.write(request)
        finally:
            back.cancel()
            to_client.close()
            to_server.close()

    async def _cut(
        self, request: bytes, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter,
        back: asyncio.Task[None],
    ) -> None:  # fmt: skip
        self._needle = b""
        back.cancel()
        with suppress(asyncio.CancelledError):
            await back
        if self._holds:
            to_client.close()
            self.cuts += 1
            await self._released.wait()
        to_server.write(request)
        await to_server.drain()
        to_client.close()
        self.cuts += not self._holds

    async def _pump(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        while response := await server.read(CHUNK_BYTES):
            to_client.write(response)
        to_client.close()
