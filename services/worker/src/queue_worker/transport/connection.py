"""One HTTP/1.1 connection: bytes out, one answer in, over httptools."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from .errors import ConnectionLostError, ProtocolError, TlsError, tls_reason
from .messages import Response

if TYPE_CHECKING:
    from .messages import Header

__all__ = ["Connection", "Owner"]

ANSWER_READ_BYTES = 1 << 20
"""What is read of a body; the rest is cut off and the connection closed. No error."""
ANSWER_KEPT_BYTES = 1 << 10
"""What is handed on of a body: a thousand answers in flight must not be a gigabyte."""
MAX_RESPONSE_BYTES = ANSWER_READ_BYTES + (64 << 10)
"""What is read of a response in all: body, headers, chunk sizes and their extensions, trailers."""
MAX_HEADERS = 256
MAX_UNFRAMED_BYTES = 64 << 10
"""Headers, trailers: what may come without a byte of a body in between."""
JOINED_BYTES = 16384
"""A body up to this size is joined to its head: one write costs less than two."""
PORTION_BYTES = 65536
"""How much of a larger body is written at once."""


class Owner(Protocol):
    """Who counts connections."""

    def opened(self) -> None:
        """Take note of one more."""
        ...

    def lost(self, connection: Connection) -> None:
        """Take note that ``connection`` has closed."""
        ...


class Connection(asyncio.Protocol):
    """A connection to one destination that makes one exchange at a time."""

    __slots__ = (
        "_body",
        "_complete",
        "_headers",
        "_is_head",
        "_loop",
        "_owner",
        "_parser",
        "_read_bytes",
        "_received_bytes",
        "_rest",
        "_status",
        "_transport",
        "_unframed_bytes",
        "_waiter",
        "_write_paused",
        "answering",
        "idle_since",
        "internal",
        "reusable",
    )

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Response] | None = None
        self._write_paused = False
        self.reusable = False
        """After an exchange: another may follow."""
        self.answering = False
        """Set once a byte of the answer has come."""
        self.internal = False
        """It leads to a destination that EGRESS_ALLOW lists."""
        self.idle_since = 0.0
        self._begin(is_head=False)

    def _begin(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._status = 0
        self._headers: list[Header] = []
        self._body = b""
        self._read_bytes = 0
        self._received_bytes = 0
        self._unframed_bytes = 0
        self._rest: memoryview | None = None
        self._complete = False
        self.answering = False
        self.reusable = False

    def exchange(self, head: bytes, body: bytes, *, is_head: bool) -> asyncio.Future[Response]:
        """Send a request, a small one in one write; the answer comes by the future.

        It raises ConnectionLostError where the connection is lost, TlsError, and
        ProtocolError for an answer that is no HTTP. Whoever stops waiting has to close
        the connection.
        """
        self._begin(is_head=is_head)
        self._waiter = waiter = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            waiter.set_exception(
                ConnectionLostError("the connection was closed before the request")
            )
        else:
            self._write(self._transport, head, body)
        return waiter

    def _write(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        if len(body) <= JOINED_BYTES:
            transport.write(head + body)
            return
        transport.write(head)
        self._rest = memoryview(body)
        self._write_rest()

    def _write_rest(self) -> None:
        """Write the body as fast as it is taken: TLS would encrypt a second copy of it at once."""
        while self._rest and self._transport is not None and not self._write_paused:
            portion, self._rest = self._rest[:PORTION_BYTES], self._rest[PORTION_BYTES:]
            self._transport.write(portion)

    @property
    def sending(self) -> bool:
        """Whether a part of the request still waits to be taken by the destination."""
        if self._transport is None:
            return False
        return bool(self._rest) or self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Close at once, without the courtesies that would keep a socket open."""
        self.reusable = False
        # The parser refers back to the connection: what it holds stays until the next collection.
        self._rest = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=PORTION_BYTES)
        self._owner.opened()

    def pause_writing(self) -> None:
        """Wait with what is left of the body until the destination takes more."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Go on with the body."""
        self._write_paused = False
        self._write_rest()

    def data_received(self, data: bytes) -> None:
        """Feed the answer; bytes that nobody waits for make the connection unfit."""
        if self._waiter is None or self._complete:
            self.close()
            return
        self.answering = True
        self._unframed_bytes += len(data)
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("the destination switched protocols")
        except httptools.HttpParserError as error:
            self._break(f"the answer is not HTTP/1.1: {error}")
        if self._is_head:
            self._end_head(data)
        if self._unframed_bytes > MAX_UNFRAMED_BYTES and not self._complete:
            self._break("the answer has too large headers or trailers")
        if self._received_bytes > MAX_RESPONSE_BYTES and not self._complete:
            self._cut_off()

    def eof_received(self) -> bool:
        """Let the connection close; its end may be the answer's."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: well where the answer goes until the close, badly otherwise."""
        self.reusable = False
        self._rest = None
        if self._status >= 200 and exc is None and _ends_by_close(self._headers):
            self._finish()
        elif isinstance(exc, ssl.SSLError):
            self._fail(TlsError(f"TLS failed: {tls_reason(exc)}"))
        elif self.answering:
            self._fail(ConnectionLostError("the connection was lost in the middle of the answer"))
        else:
            self._fail(
                ConnectionLostError("the destination closed the connection without an answer")
            )
        if self._transport is not None:
            self._transport = None
            self._owner.lost(self)

    def _cut_off(self) -> None:
        """End a response of which enough was read: what it says is known from its head."""
        self._finish()
        self.close()

    def _break(self, message: str) -> None:
        # After a complete answer it is what follows that is broken.
        self._fail(ProtocolError(message))
        self.close()

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _finish(self) -> None:
        self._complete = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Response(self._status, self._headers, self._body))

    # httptools' side

    def on_message_begin(self) -> None:
        """Begin an answer; what follows a complete one makes the connection unfit."""
        if self._complete:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, unless it is a trailer."""
        if self._status:
            return
        if len(self._headers) >= MAX_HEADERS:
            self._break("the answer has too many headers")
            return
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status; what is informational (1xx) only announces the answer."""
        if self._unframed_bytes > MAX_UNFRAMED_BYTES and _size(self._headers) > MAX_UNFRAMED_BYTES:
            # They came in one piece, and with a body maybe: the count of bytes does not tell.
            self._break("the answer has too large headers or trailers")
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = []
        elif not self._complete:
            self._status = status

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body; at the limit the answer is complete."""
        self._unframed_bytes = 0
        if self._complete:
            self.close()
            return
        kept = len(self._body)
        if kept < ANSWER_KEPT_BYTES:
            self._body += data[: ANSWER_KEPT_BYTES - kept]
        self._read_bytes += len(data)
        if self._read_bytes >= ANSWER_READ_BYTES:
            self._cut_off()

    def on_message_complete(self) -> None:
        """End the exchange, unless the answer was an informational one."""
        if self._status and not self._complete:
            self.reusable = self._parser.should_keep_alive() and not self.sending
            self._finish()

    def _end_head(self, data: bytes) -> None:
        """End the answer to HEAD: the parser waits for a body that does not come."""
        if not self._status:
            return
        if not self._complete:
            bare = data.endswith(b"\r\n\r\n") and not self._read_bytes
            self.reusable = bare and self._parser.should_keep_alive()
            self._finish()
        self._parser = httptools.HttpResponseParser(self)


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


def _ends_by_close(headers: list[Header]) -> bool:
    coding = None
    for name, value in headers:
        lower = name.lower()
        if lower == b"transfer-encoding":
            coding = value.lower()
        elif lower == b"content-length":
            return False
    return coding is None or not coding.rstrip().endswith(b"chunked")
