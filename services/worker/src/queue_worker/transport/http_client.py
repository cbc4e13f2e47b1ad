"""The HTTP client: HTTP/1.1 on asyncio and httptools, with kept connections."""

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
"""A request's head, its head for internal destinations (empty if it is the same), its body."""

NO_TIMEOUT_SECONDS = 3600.0
"""The caller's deadline ends a handshake, so the event loop's own limit must be later."""


class HttpClient:
    """Sends requests over HTTP/1.1, with TLS for https URLs.

    A response is returned once it is complete. At most 1 MiB of its body is read, and 1 KiB is
    returned. The caller limits the time of a request by cancelling it; the request's ``progress``
    then shows its phase. See also ``Pool`` for connections, ``Dialer`` for addresses, ``Proxies``.
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
        """Send a request and return its response.

        If a kept connection turns out to be closed before any byte of a response, the request is
        sent again, once, over a new connection. Raises ConnectError, ConnectionLostError,
        ProtocolError, and AddressBusyError if no attempt was made.
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
                # A byte of a response shows that the destination may have processed the request.
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
            # If the transport already has the socket, closing one closes the other too.
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
            # asyncio has called connection_lost before connection_made.
            msg = f"{destination.host} closed the connection after the TLS handshake"
            raise TlsError(msg)
        return made

    async def aclose(self) -> None:
        """Close all kept connections. Those in use close after their response."""
        self.pool.close()


@contextmanager
def _tls_errors(destination: Destination) -> Iterator[None]:
    """Raise TlsError from any error of a handshake."""
    try:
        yield
    except (OSError, ValueError) as error:
        msg = f"TLS with {destination.host} failed: {tls_reason(error)}"
        raise TlsError(msg) from error
