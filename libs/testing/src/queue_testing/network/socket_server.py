"""A server on raw sockets that sends exactly the bytes of a test."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

__all__ = ["Peer", "Script", "SocketServer", "says"]

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Peer:
    """One connection, on the server's side."""

    def __init__(
        self, server: SocketServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = server.connections
        """Number of this connection, from 1."""
        self._server = server
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Read one request, head and body, and record it in ``server.requests``."""
        head = await self.head()
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        self._server.requests.append(head + body)
        return head + body

    async def head(self) -> bytes:
        """Read only a request's head; its body stays unread."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def send(self, *parts: bytes) -> None:
        """Send each part in a separate write, as fast as the other side reads."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()

    async def respond(self, body: bytes = b"ok", status: bytes = b"200 OK") -> None:
        """Send a simple response."""
        await self.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    async def read(self, max_bytes: int) -> bytes:
        """Read available bytes; empty if the other side has closed."""
        return await self._reader.read(max_bytes)

    async def hold(self) -> None:
        """Drop all bytes until the other side closes."""
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Close by RST, as a crashed machine or a firewall does."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script: TypeAlias = "Callable[[Peer], Awaitable[None]]"


class SocketServer:
    """Runs ``script`` for each connection while its context is entered, then closes that one."""

    def __init__(
        self, script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.connections = 0
        """Accepted so far."""
        self.requests: list[bytes] = []
        """Requests read by ``Peer.request``, unchanged."""
        self.host = host
        self.port = 0
        self._script = script
        self._tls = tls
        self._peers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._peers)

    @property
    def url(self) -> str:
        """The URL of the server's root."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0, ssl=self._tls)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._peers):
            task.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(self, reader, writer)
        task = asyncio.create_task(self._run(peer, writer))
        self._peers.add(task)
        task.add_done_callback(self._peers.discard)

    async def _run(self, peer: Peer, writer: asyncio.StreamWriter) -> None:
        try:
            # The other side may close at any time.
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._script(peer)
                if not writer.transport.is_closing():
                    writer.close()
                    await writer.wait_closed()
        finally:
            writer.transport.abort()


def says(*parts: bytes, then_close: bool = False) -> Script:
    """Return a script that responds to every request with ``parts``, each in a separate write."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*parts)
            if then_close:
                return

    return script
