"""A TCP relay that cuts connections to a server at a chosen moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from .relay import CHUNK_BYTES, Relay

if TYPE_CHECKING:
    from .relay import Connection

__all__ = ["CuttingProxy"]


class CuttingProxy(Relay):
    """Relays connections, until it is told to cut one."""

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.cuts = 0
        """Connections cut so far."""
        self._needle = b""
        self._holds = False
        self._released = asyncio.Event()

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

    async def _forward(self, connection: Connection) -> None:
        while request := await connection.client.read(CHUNK_BYTES):
            if self._needle and self._needle in request:
                await self._cut(request, connection)
                return
            connection.to_server.write(request)

    async def _cut(self, request: bytes, connection: Connection) -> None:
        self._needle = b""
        connection.back.cancel()
        with suppress(asyncio.CancelledError):
            await connection.back
        if self._holds:
            connection.to_client.close()
            self.cuts += 1
            await self._released.wait()
        connection.to_server.write(request)
        await connection.to_server.drain()
        connection.to_client.close()
        self.cuts += not self._holds
