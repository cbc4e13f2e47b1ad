"""httpcore's network over the guard: it connects where the dialer does, and nowhere else."""

from __future__ import annotations

import select
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from .errors import Progress, TlsError, tls_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .dial import Dialer

__all__ = ["Exchange", "GuardedBackend", "current_exchange"]


@dataclass(slots=True)
class Exchange:
    """What the network sees of the request that runs in this context."""

    progress: Progress
    connected: bool = False
    """A connection was made for it; else it went over a kept one."""
    answering: bool = False
    """A byte has come since it began."""


_HANDSHAKE_FAILURES = (OSError, ValueError, anyio.EndOfStream, anyio.BrokenResourceError)

current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects by way of a dialer, whatever host it is asked for."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # the caller's deadline ends it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a stream; raises what the dialer does."""
        exchange = current_exchange.get()
        exchange.connected = True
        sock = await self._dialer.dial(host, port, exchange.progress)
        exchange.progress.phase = "send"
        return _Stream(await SocketStream.from_socket(sock))


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that tells the exchange under way how far it is."""

    def __init__(self, stream: SocketStream | TLSStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = current_exchange.get()
        exchange.progress.phase = "answer"
        try:
            data = await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _lost(error, httpcore.ReadError) from error
        exchange.answering = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        current_exchange.get().progress.phase = "send"
        if not buffer:
            return
        try:
            await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _lost(error, httpcore.WriteError) from error

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        current_exchange.get().progress.phase = "tls"
        host = (server_hostname or "").rstrip(".")
        try:
            wrapped = await TLSStream.wrap(
                self._stream,
                server_side=False,
                hostname=host,
                ssl_context=ssl_context,
                standard_compatible=False,
            )
        except BaseException as error:
            await self.aclose()
            if not isinstance(error, _HANDSHAKE_FAILURES):
                raise
            msg = f"TLS with {host} failed: {tls_reason(error)}"
            raise TlsError(msg) from error
        return _Stream(wrapped)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - anyio's, not Django's
        if info == "is_readable":
            raw = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - as above
            return _is_readable(raw.fileno())
        return None


def _is_readable(descriptor: int) -> bool:
    """Say whether a kept connection has something to read: its end, or bytes nobody asked for."""
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _lost(error: Exception, kind: type[httpcore.NetworkError]) -> Exception:
    if isinstance(error.__cause__, ssl.SSLError):
        return TlsError(f"TLS failed: {tls_reason(error.__cause__)}")
    return kind("the connection was lost")
