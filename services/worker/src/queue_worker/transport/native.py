"""Our own transport: HTTP/1.1 on asyncio and httptools, connections kept a destination."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx

from .connection import Connection
from .errors import Progress, TlsError, Unwatched, tls_reason
from .limits import IDLE_SECONDS
from .pool import Destination, Pool
from .request import Target, encode_outgoing, encode_request, target_of

if TYPE_CHECKING:
    import socket

    from .dial import Dialer
    from .exchange import Answer, Outgoing

__all__ = ["Transport"]

RequestBytes = tuple[bytes, bytes]
"""A request's head and its body: joined they would be the body a second time."""

NO_TIMEOUT_SECONDS = 3600.0
"""The caller's deadline ends a handshake; the loop's own limit must not come before it."""


class Transport(httpx.AsyncBaseTransport):
    """Sends requests over HTTP/1.1, with TLS where the URL says so.

    An answer is returned once it is whole: at most 1 MiB of its body is read, the rest cut off, and
    1 KiB is handed on. The time for a request is set by the caller, by cancelling it
    (asyncio.timeout); ``request.extensions["progress"]`` then says in which phase it was. A request
    must have its body in memory. On connections see ``Pool``, on addresses ``Dialer``.
    """

    def __init__(
        self,
        dialer: Dialer,
        tls: ssl.SSLContext,
        *,
        most_open: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._dialer = dialer
        self._tls = tls
        self.pool = Pool(most_open=most_open, idle_seconds=idle_seconds)

    async def exchange(self, request: Outgoing) -> Answer:
        """Make the request.

        A kept connection that turns out to be closed, with no byte of an answer, is replaced by a
        new one and the request sent again, once. Raises ResolveError, EgressRefusedError, TlsError,
        httpx.ConnectError, httpx.ReadError, httpx.ProtocolError, httpx.InvalidURL.
        """
        target, head = encode_outgoing(request)
        is_head = request.method.upper() == "HEAD"
        data = (head, request.body or b"")
        return await self._send(target.destination, data, is_head, request.progress)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request of httpx's, as ``exchange`` does."""
        target: Target = request.extensions.get("delivery_target") or target_of(request.url)
        progress: Progress = request.extensions.get("progress") or Unwatched()
        data = (encode_request(request, target), request.read())
        is_head = request.method == "HEAD"
        answer = await self._send(target.destination, data, is_head, progress)
        stream = httpx.ByteStream(answer.body)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)

    async def _send(
        self, destination: Destination, data: RequestBytes, is_head: bool, progress: Progress
    ) -> Answer:
        kept = self.pool.take(destination)
        if kept is not None:
            try:
                return await self._exchange(kept, destination, data, is_head, progress)
            except httpx.ReadError:
                # A byte of an answer shows that the request was received: it may have had effect.
                if kept.answering:
                    raise
        fresh = await self._connect(destination, progress)
        return await self._exchange(fresh, destination, data, is_head, progress)

    async def _exchange(
        self,
        connection: Connection,
        destination: Destination,
        data: RequestBytes,
        is_head: bool,
        progress: Progress,
    ) -> Answer:
        progress.phase = "answer"
        try:
            answer = await connection.exchange(*data, is_head=is_head)
        except BaseException:
            if connection.sending:
                progress.phase = "send"
            connection.close()
            raise
        if connection.reusable:
            self.pool.keep(connection, destination)
        else:
            connection.close()
        return answer

    async def _connect(self, destination: Destination, progress: Progress) -> Connection:
        sock = await self._dialer.dial(destination.host, destination.port, progress)
        connection = Connection(self.pool)
        try:
            await self._start(connection, sock, destination, progress)
        except BaseException:
            # Where the transport has the socket already, both are closed by either.
            connection.close()
            sock.close()
            raise
        return connection

    async def _start(
        self,
        connection: Connection,
        sock: socket.socket,
        destination: Destination,
        progress: Progress,
    ) -> None:
        loop = asyncio.get_running_loop()
        if destination.scheme == "http":
            await loop.create_connection(lambda: connection, sock=sock)
            return
        progress.phase = "tls"
        try:
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._tls,
                server_hostname=destination.host.rstrip("."),
                ssl_handshake_timeout=NO_TIMEOUT_SECONDS,
            )
        except (OSError, ValueError) as error:
            msg = f"TLS with {destination.host} failed: {tls_reason(error)}"
            raise TlsError(msg) from error

    async def aclose(self) -> None:
        """Close all kept connections; those in use close with the end of their exchange."""
        self.pool.close()
