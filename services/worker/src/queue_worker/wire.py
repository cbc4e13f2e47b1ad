"""One HTTP/1.1 connection: bytes out, one answer in, over httptools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

import httptools
import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer", "Connection", "Progress", "request_bytes"]

ANSWER_MOST_BYTES = 1 << 20
"""What is read of an answer's body; the rest is cut off."""
HEADERS_MOST_BYTES = 64 << 10
HEADERS_MOST = 256

_NO_BODY = frozenset({204, 304})


class Progress(Protocol):
    """Where an attempt stands; ``request.extensions["progress"]`` may carry one."""

    phase: str
    """connect, tls, send or answer."""


class Answer:
    """An answer as it comes in."""

    __slots__ = ("body", "headers", "status_code")

    def __init__(self) -> None:
        self.status_code = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()


def request_bytes(request: httpx.Request) -> bytes:
    """Return the request as it goes over the wire, its body joined to its head.

    Raises httpx.LocalProtocolError for a header that would break out of its line.
    """
    headers = request.headers.raw
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path or b"/")]
    lines += [b"%s: %s" % header for header in headers]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(headers) or head.count(b"\r") != len(headers) or b"\0" in head:
        msg = "a header has a control character"
        raise httpx.LocalProtocolError(msg)
    return b"%s\r\n\r\n%s" % (head, request.content)


class Connection(asyncio.Protocol):
    """A connection to one destination that makes one exchange at a time."""

    def __init__(self, on_lost: Callable[[Connection], None]) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._is_head = False
        self._until_close = False
        self._header_bytes = 0
        self.answering = False
        """Set once a byte of the answer has come."""
        self.reusable = True
        self.idle_since = 0.0

    async def exchange(self, data: bytes, *, is_head: bool, progress: Progress | None) -> Answer:
        """Send a request and return its answer, at most 1 MiB of the body.

        Raises httpx.ReadError where the connection is lost, httpx.RemoteProtocolError for an answer
        that is no HTTP. Cancelled, the connection is closed.
        """
        transport = self._open_transport()
        self._parser = httptools.HttpResponseParser(self)
        self._answer = None
        self._is_head = is_head
        self.answering = self._until_close = False
        self._header_bytes = 0
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        if progress is not None:
            progress.phase = "send"
        transport.write(data)
        if progress is not None:
            progress.phase = "answer"
        try:
            return await waiter
        finally:
            self._waiter = self._parser = None
            if not self.reusable:
                self.close()

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None or self._transport.is_closing():
            msg = "the connection was closed before the request"
            raise httpx.ReadError(msg)
        # Until the answer is whole, whatever cuts the exchange short leaves the connection unfit.
        self.reusable = False
        return self._transport

    def close(self) -> None:
        """Close at once, without the courtesies that would keep a socket open."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the answer; bytes that nobody waits for make the connection unfit."""
        if self._parser is None or self._waiter is None or self._waiter.done():
            self.reusable = False
            self.close()
            return
        self.answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("the destination switched protocols"))
        except httptools.HttpParserError as error:
            cause = error.__context__
            known = cause if isinstance(cause, httpx.RemoteProtocolError) else None
            self._fail(known or httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {error}"))

    def eof_received(self) -> bool:
        """Let the connection close; its end may be the answer's."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: well where the answer goes until the close, badly otherwise."""
        self.reusable = False
        if self._until_close and exc is None:
            self._complete()
        elif not self.answering:
            self._fail(httpx.ReadError("the destination closed the connection without an answer"))
        else:
            self._fail(httpx.ReadError("the connection was lost in the middle of the answer"))
        self._on_lost(self)

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _complete(self) -> None:
        if self._waiter is not None and not self._waiter.done() and self._answer is not None:
            self._waiter.set_result(self._answer)

    # httptools' side

    def on_message_begin(self) -> None:
        """Begin an answer; after an informational one (1xx) the real one follows."""
        self._answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, within bounds."""
        assert self._answer is not None  # noqa: S101 - on_message_begin came before
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADERS_MOST_BYTES or len(self._answer.headers) >= HEADERS_MOST:
            msg = "the answer has too many or too large headers"
            raise httpx.RemoteProtocolError(msg)
        self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Tell how the body ends."""
        assert self._answer is not None  # noqa: S101
        assert self._parser is not None  # noqa: S101
        status = self._answer.status_code = self._parser.get_status_code()
        if status < 200 or status in _NO_BODY:
            return
        if self._is_head:
            # The parser waits for a body that does not come: the connection is not used again.
            self._complete()
            return
        names = {name.lower() for name, _ in self._answer.headers}
        self._until_close = not names & {b"content-length", b"transfer-encoding"}

    def on_body(self, data: bytes) -> None:
        """Keep the body up to its limit; at the limit the answer is complete."""
        assert self._answer is not None  # noqa: S101
        body = self._answer.body
        body += data[: ANSWER_MOST_BYTES - len(body)]
        if len(body) >= ANSWER_MOST_BYTES:
            self._complete()

    def on_message_complete(self) -> None:
        """End the exchange, unless the answer was an informational one."""
        assert self._answer is not None  # noqa: S101
        assert self._parser is not None  # noqa: S101
        if self._answer.status_code < 200:
            self._header_bytes = 0
            return
        if self._waiter is not None and not self._waiter.done():
            self.reusable = self._parser.should_keep_alive() and not self._until_close
            self._complete()
