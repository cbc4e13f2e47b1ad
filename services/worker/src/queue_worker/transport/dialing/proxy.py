"""HTTP proxies: choosing one for a destination, and opening a tunnel through it (CONNECT)."""

from __future__ import annotations

import asyncio
import re
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import ConnectError, EgressRefusedError, TlsError, tls_reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from queue_common.egress import EgressGuard

    from ..errors import Progress
    from ..pool import Destination
    from .dialer import Dialer

__all__ = ["Proxies", "Proxy"]

MAX_HEAD_BYTES = 64 << 10
"""Max size of the head of the proxy's response to CONNECT."""
_PORTS = {"http": 80, "https": 443}
_OPENED = re.compile(rb"HTTP/1\.[01] 2[0-9]{2}(?: .*)?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    scheme: str
    """``https``: the connection to the proxy uses TLS."""
    host: str
    port: int
    authorization: bytes = b""
    """The value of ``Proxy-Authorization``; the header is not sent if this is empty."""

    @classmethod
    def read(cls, url: str) -> Proxy:
        """Read ``http[s]://[user:password@]host[:port]``. The ValueError does not show the URL."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            msg = "should be http://[user:password@]host:port"
            raise ValueError(msg)
        authorization = b""
        if parts.username or parts.password:
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            authorization = b"Basic " + b64encode(pair.encode())
        port = parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname, port, authorization)

    def connect_request(self, destination: Destination) -> bytes:
        """Return the request for a tunnel to ``destination``."""
        host, port = destination.host, destination.port
        authority = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
        lines = [b"CONNECT %b HTTP/1.1" % authority, b"Host: %b" % authority]
        if self.authorization:
            lines.append(b"Proxy-Authorization: %b" % self.authorization)
        return b"\r\n".join([*lines, b"", b""])


class Proxies:
    """The configured proxies, which must themselves refuse internal addresses.

    A proxy resolves names itself, so the egress guard can only judge the host in the URL.
    """

    def __init__(
        self,
        by_scheme: Mapping[str, Proxy],
        no_proxy: str,
        dialer: Dialer,
        guard: EgressGuard,
        tls: ssl.SSLContext,
    ) -> None:
        """``dialer`` connects to the proxies, at any address."""
        self._by_scheme = by_scheme
        self._direct = [entry.strip().lower().lstrip("*") for entry in no_proxy.split(",")]
        self._all_direct = no_proxy.strip() == "*"
        self._dialer = dialer
        self._guard = guard
        self._tls = tls

    def proxy_for(self, destination: Destination) -> Proxy | None:
        """Return the proxy for ``destination``; None if it is connected to directly.

        Raises EgressRefusedError if the egress guard refuses the destination.
        """
        proxy = self._by_scheme.get(destination.scheme)
        if proxy is None or self._bypassed(destination):
            return None
        reason = self._guard.name_denial_reason(destination.host, destination.port)
        if reason is not None:
            raise EgressRefusedError(reason)
        return proxy

    def is_internal(self, destination: Destination) -> bool:
        """Return whether EGRESS_ALLOW lists the host in the URL."""
        return self._guard.lists_written(destination.host)

    def _bypassed(self, destination: Destination) -> bool:
        """Return whether NO_PROXY lists the destination."""
        host = destination.host.rstrip(".")
        return self._all_direct or any(
            entry in {host, f"{host}:{destination.port}"}
            or f".{host}".endswith(f".{entry.lstrip('.')}")
            for entry in self._direct
            if entry
        )

    async def open_tunnel(
        self, proxy: Proxy, destination: Destination, progress: Progress
    ) -> asyncio.Transport:
        """Return a transport that leads to ``destination``, without TLS to it.

        Raises ResolveError, TlsError, ConnectError.
        """
        sock = await self._dialer.dial(proxy.host, proxy.port, progress)
        try:
            transport, reply = await self._connect(proxy, sock)
        except BaseException:
            sock.close()
            raise
        try:
            transport.write(proxy.connect_request(destination))
            await reply.opened
            if transport.is_closing():
                msg = "the proxy closed the connection"
                raise ConnectError(msg)
        except BaseException:
            transport.abort()
            raise
        return transport

    async def _connect(
        self, proxy: Proxy, sock: socket.socket
    ) -> tuple[asyncio.Transport, _ConnectResponse]:
        loop = asyncio.get_running_loop()
        tls = self._tls if proxy.scheme == "https" else None
        name = proxy.host if tls else None
        try:
            made, reply = await loop.create_connection(
                _ConnectResponse, sock=sock, ssl=tls, server_hostname=name
            )
        except (OSError, ValueError) as error:
            msg = f"TLS with the proxy {proxy.host} failed: {tls_reason(error)}"
            raise TlsError(msg) from error
        return made, reply


class _ConnectResponse(asyncio.Protocol):
    """Reads the proxy's response to CONNECT."""

    def __init__(self) -> None:
        self._head = b""
        self._transport: asyncio.BaseTransport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the tunnel is open; raises ConnectError."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        status_line = head.partition(b"\r\n")[0]
        if len(head) > MAX_HEAD_BYTES:
            self._fail("the proxy's response has too large headers")
        elif end and not _OPENED.fullmatch(status_line):
            shown = status_line[:100].decode("ascii", "replace")
            self._fail(f"the proxy refused the tunnel: {shown}")
        elif rest:
            # In HTTP and in TLS the client sends first.
            self._fail("the proxy sent unexpected bytes")
        elif end and not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the proxy closed the connection")

    def _fail(self, message: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectError(message))
            # The caller may have been cancelled: retrieve the error so that asyncio does not warn.
            self.opened.exception()
        if self._transport is not None:
            self._transport.close()
