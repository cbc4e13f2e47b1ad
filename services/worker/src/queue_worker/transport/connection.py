"""One HTTP/1.1 connection: one request out, then its response in."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Protocol, cast

from .errors import ConnectionLostError, TlsError, tls_reason
from .response_reader import ResponseReader

if TYPE_CHECKING:
    from .messages import Response

__all__ = ["Connection", "Owner"]

MAX_JOINED_BODY_BYTES = 16384
"""A body up to this size is written together with its head: one write costs less than two."""
WRITE_CHUNK_BYTES = 65536
"""A larger body is written in pieces of this size."""


class Owner(Protocol):
    """Counts connections."""

    def opened(self) -> None:
        """Count one more."""
        ...

    def lost(self, connection: Connection) -> None:
        """Forget ``connection``: it is closed."""
        ...


class Connection(ResponseReader, asyncio.Protocol):
    """A connection to one destination. It has one request in flight at a time."""

    __slots__ = (
        "_loop",
        "_owner",
        "_transport",
        "_unwritten",
        "_write_paused",
        "address",
        "idle_since",
        "internal",
    )

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unwritten: memoryview | None = None
        self._write_paused = False
        self.internal = False
        """It leads to a destination that EGRESS_ALLOW lists."""
        self.address: str | None = None
        """``address:port`` of the destination; None: it is behind a proxy."""
        self.idle_since = 0.0

    def send(self, head: bytes, body: bytes, *, is_head: bool) -> asyncio.Future[Response]:
        """Send a request; the future gets its response.

        The future raises ConnectionLostError, TlsError, or ProtocolError for a response that is
        not HTTP. A caller that stops waiting must close the connection.
        """
        self._begin_response(is_head=is_head)
        self._unwritten = None
        self._waiter = waiter = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            waiter.set_exception(
                ConnectionLostError("the connection was closed before the request")
            )
        else:
            self._write(self._transport, head, body)
        return waiter

    def _write(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        if len(body) <= MAX_JOINED_BODY_BYTES:
            transport.write(head + body)
            return
        transport.write(head)
        self._unwritten = memoryview(body)
        self._write_body()

    def _write_body(self) -> None:
        """Write the body as fast as it is sent: TLS would encrypt a second copy of it at once."""
        while self._unwritten and self._transport is not None and not self._write_paused:
            chunk = self._unwritten[:WRITE_CHUNK_BYTES]
            self._unwritten = self._unwritten[WRITE_CHUNK_BYTES:]
            self._transport.write(chunk)

    @property
    def sending(self) -> bool:
        """Whether a part of the request is not sent yet."""
        if self._transport is None:
            return False
        return bool(self._unwritten) or self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Close at once, without waiting for TLS to close too."""
        self.reusable = False
        # The parser refers back to the connection: what it holds stays until the next collection.
        self._unwritten = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_CHUNK_BYTES)
        self._owner.opened()

    def pause_writing(self) -> None:
        """Stop writing the body until the destination has read more."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Write more of the body."""
        self._write_paused = False
        self._write_body()

    def eof_received(self) -> bool:
        """Let the connection close; its end may be the response's."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response: with success if it has no other end than the connection's."""
        self.reusable = False
        self._unwritten = None
        if self._status >= 200 and exc is None and self._ends_by_close():
            self._finish()
        elif isinstance(exc, ssl.SSLError):
            self._fail(TlsError(f"TLS failed: {tls_reason(exc)}"))
        elif self.response_begun:
            self._fail(ConnectionLostError("the connection was lost in the middle of the response"))
        else:
            self._fail(
                ConnectionLostError("the destination closed the connection without a response")
            )
        if self._transport is not None:
            self._transport = None
            self._owner.lost(self)
