"""A TCP relay in front of a server, which can be closed and opened again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Connection", "Relay"]

CHUNK_BYTES = 1 << 20


class Connection(NamedTuple):
    """A client's connection, and the one that the relay has to the server for it."""

    client: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    to_server: asyncio.StreamWriter
    back: asyncio.Task[None]
    """Passes on what the server sends."""


class Relay:
    """Relays connections to a loopback port while its context is entered."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        """The relay's own port, from the first ``open`` on."""
        self._server_port = server_port
        self._writers: list[asyncio.StreamWriter] = []
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """``host:port``, for REDIS_ADDR."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address as a URL, for an API."""
        return f"http://{self.address}"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Take connections, at the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, and end those there are."""
        if self._server is not None:
            self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        await asyncio.gather(*(w.wait_closed() for w in self._writers), return_exceptions=True)
        self._writers.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers += [to_client, to_server]
        back = asyncio.create_task(_pump(server, to_client))
        try:
            await self._forward(Connection(client, to_client, to_server, back))
        finally:
            back.cancel()
            to_client.close()
            to_server.close()

    async def _forward(self, connection: Connection) -> None:
        """Pass on what the client sends; a subclass may look at it."""
        while request := await connection.client.read(CHUNK_BYTES):
            connection.to_server.write(request)


async def _pump(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    while response := await server.read(CHUNK_BYTES):
        to_client.write(response)
    to_client.close()
