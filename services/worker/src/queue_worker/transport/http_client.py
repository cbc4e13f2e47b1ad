"""Our own transport: HTTP/1.1 on asyncio and httptools, connections kept a destination."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .connection import Connection
from .dialing.address_health import AddressAttempt, AddressHealth
from .dialing.dialer import address_of
from .errors import ConnectionLostError, Progress, TlsError, tls_reason
from .pool import IDLE_SECONDS, Destination, Pool
from .request import encode_for_internal, encode_outgoing

if TYPE_CHECKING:
    import socket

    from .dialing.dialer import Dialer
    from .dialing.proxy import Proxies, Proxy
    from .messages import Request, Response

__all__ = ["HttpClient"]

RequestBytes = tuple[bytes, bytes, bytes]
"""A request's head, its head for an internal destination if that is another, and its body."""

NO_TIMEOUT_SECONDS = 3600.0
"""The caller's deadline ends a handshake; the loop's own limit must not come before it."""


class HttpClient:
    """Sends requests over HTTP/1.1, with TLS where the URL says so.

    An answer is returned once it is whole: at most 1 MiB of its body is read, the rest cut off, and
    1 KiB is handed on. The time for a request is set by the caller, by cancelling it
    (asyncio.timeout); the request's ``progress`` then says in which phase it was. On connections
    see ``Pool``, on addresses ``Dialer``, on proxies ``Proxies``.
    """

    def __init__(
        self,
        dialer: Dialer,
        tls: ssl.SSLContext,
        *,
        max_open: int,
        idle_seconds: float = IDLE_SECONDS,
        proxies: Proxies | None = None,
    ) -> None:
        self._dialer = dialer
        self._tls = tls
        self._proxies = proxies
        self._addresses = AddressHealth()
        self.pool = Pool(max_open=max_open, idle_seconds=idle_seconds)

    async def send(self, request: Request) -> Response:
        """Make the request.

        A kept connection that turns out to be closed, with no byte of an answer, is replaced by a
        new one and the request sent again, once. Raises ConnectError, ConnectionLostError,
        ProtocolError, and AddressBusyError where no attempt was made.
        """
        target, head = encode_outgoing(request)
        is_head = request.method.upper() == "HEAD"
        data = (head, encode_for_internal(request), request.body or b"")
        return await self._send_to(target.destination, data, is_head, request.progress)

    async def _send_to(
        self, destination: Destination, data: RequestBytes, is_head: bool, progress: Progress
    ) -> Response:
        kept = self.pool.take(destination)
        if kept is not None:
            try:
                return await self._send_over(kept, destination, data, is_head, progress)
            except ConnectionLostError:
                # A byte of an answer shows that the request was received: it may have had effect.
                if kept.response_begun:
                    raise
        with self._addresses.attempt(destination) as attempt:
            fresh = await self._connect(destination, progress, attempt)
            return await self._send_over(fresh, destination, data, is_head, progress)

    async def _send_over(
        self,
        connection: Connection,
        destination: Destination,
        data: RequestBytes,
        is_head: bool,
        progress: Progress,
    ) -> Response:
        progress.phase = "answer"
        progress.address = connection.address
        try:
            head, internal_head, body = data
            if internal_head and connection.internal:
                head = internal_head
            response = await connection.send(head, body, is_head=is_head)
        except BaseException:
            if connection.sending:
                progress.phase = "send"
            connection.close()
            raise
        finally:
            progress.first_byte_at = connection.first_byte_at
        if connection.reusable:
            self.pool.keep(connection, destination)
        else:
            connection.close()
        return response

    async def _connect(
        self, destination: Destination, progress: Progress, attempt: AddressAttempt
    ) -> Connection:
        proxies = self._proxies
        if proxies is not None and (proxy := proxies.proxy_for(destination)) is not None:
            return await self._connect_through(proxies, proxy, destination, progress)
        sock = await self._dialer.dial(destination.host, destination.port, progress, attempt)
        connection = Connection(self.pool)
        connection.internal = self._dialer.is_internal(destination.host, sock)
        connection.address = address_of(sock)
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
        with _tls_errors(destination):
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._tls,
                server_hostname=destination.host.rstrip("."),
                ssl_handshake_timeout=NO_TIMEOUT_SECONDS,
            )

    async def _connect_through(
        self, proxies: Proxies, proxy: Proxy, destination: Destination, progress: Progress
    ) -> Connection:
        tunnel = await proxies.open_tunnel(proxy, destination, progress)
        connection = Connection(self.pool)
        connection.internal = proxies.is_internal(destination)
        if destination.scheme == "http":
            tunnel.set_protocol(connection)
        else:
            progress.phase = "tls"
            try:
                tunnel = await self._start_tls(tunnel, connection, destination)
            except BaseException:
                tunnel.abort()
                raise
        connection.connection_made(tunnel)
        return connection

    async def _start_tls(
        self, tunnel: asyncio.Transport, connection: Connection, destination: Destination
    ) -> asyncio.Transport:
        with _tls_errors(destination):
            made = await asyncio.get_running_loop().start_tls(
                tunnel,
                connection,
                self._tls,
                server_hostname=destination.host.rstrip("."),
                ssl_handshake_timeout=NO_TIMEOUT_SECONDS,
            )
        if made is None or made.is_closing():
            # The connection was told of its end already, before it was told of its beginning.
            msg = f"{destination.host} closed the connection after the TLS handshake"
            raise TlsError(msg)
        return made

    async def aclose(self) -> None:
        """Close all kept connections; those in use close with the end of their exchange."""
        self.pool.close()


@contextmanager
def _tls_errors(destination: Destination) -> Iterator[None]:
    """Raise TlsError for what a handshake raises."""
    try:
        yield
    except (OSError, ValueError) as error:
        msg = f"TLS with {destination.host} failed: {tls_reason(error)}"
        raise TlsError(msg) from error
