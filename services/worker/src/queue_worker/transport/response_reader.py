"""Reading one response over httptools, within bounds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httptools

from .errors import ProtocolError
from .messages import Response

if TYPE_CHECKING:
    import asyncio

    from .messages import Header

__all__ = ["ResponseReader"]

MAX_BODY_READ_BYTES = 1 << 20
"""A longer body is cut off here and the connection closed. That is no error."""
MAX_BODY_KEPT_BYTES = 1 << 10
"""The part of a body that is returned: 1,000 responses in flight must not take a gigabyte."""
MAX_RESPONSE_BYTES = MAX_BODY_READ_BYTES + (64 << 10)
"""Max bytes of a whole response: body, headers, chunk sizes with extensions, trailers."""
MAX_HEADERS = 256
MAX_UNFRAMED_BYTES = 64 << 10
"""Max bytes of headers or trailers: bytes in a row of which none belongs to a body."""


class ResponseReader:
    """Parses one response after the other; ``_waiter`` gets each.

    The parser calls the methods whose names begin with ``on_``.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_headers",
        "_is_head",
        "_parser",
        "_read_bytes",
        "_received_bytes",
        "_status",
        "_unframed_bytes",
        "_waiter",
        "first_byte_at",
        "response_begun",
        "reusable",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Response] | None = None
        self._begin_response(is_head=False)

    def _begin_response(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._status = 0
        self._headers: list[Header] = []
        self._body = b""
        self._read_bytes = 0
        self._received_bytes = 0
        self._unframed_bytes = 0
        self._complete = False
        self.first_byte_at = 0.0
        """When the first byte of the response came, by ``perf_counter``; 0: none has come."""
        self.response_begun = False
        """Set at the first byte of the response."""
        self.reusable = False
        """Set after a response if another request may follow."""

    @property
    def sending(self) -> bool:
        """Whether a part of the request is not sent yet."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection at once."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the response. Close the connection if nobody waits for a response."""
        if self._waiter is None or self._complete:
            self.close()
            return
        if not self.response_begun:
            self.response_begun = True
            self.first_byte_at = time.perf_counter()
        self._unframed_bytes += len(data)
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("the destination switched protocols")
        except httptools.HttpParserError as error:
            self._break(f"the response is not HTTP/1.1: {error}")
        if self._is_head:
            self._end_head(data)
        if self._unframed_bytes > MAX_UNFRAMED_BYTES and not self._complete:
            self._break("the response has too large headers or trailers")
        if self._received_bytes > MAX_RESPONSE_BYTES and not self._complete:
            self._cut_off()

    def _cut_off(self) -> None:
        """End a response that is longer than its bound: its head already says how it went."""
        self._finish()
        self.close()

    def _break(self, message: str) -> None:
        # If the response is complete, this has no effect on it: the bytes after it are broken.
        self._fail(ProtocolError(message))
        self.close()

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _finish(self) -> None:
        self._complete = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Response(self._status, self._headers, self._body))

    def on_message_begin(self) -> None:
        """Begin a response. Close the connection if one is complete already."""
        if self._complete:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, unless it is a trailer."""
        if self._status:
            return
        if len(self._headers) >= MAX_HEADERS:
            self._break("the response has too many headers")
            return
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status. An informational response (1xx) only announces the final one."""
        if self._unframed_bytes > MAX_UNFRAMED_BYTES and _size(self._headers) > MAX_UNFRAMED_BYTES:
            # Headers and body may have come in one piece: the count of bytes alone does not tell.
            self._break("the response has too large headers or trailers")
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = []
        elif not self._complete:
            self._status = status

    def on_body(self, data: bytes) -> None:
        """Keep the beginning of the body; a body over its bound is cut off."""
        self._unframed_bytes = 0
        if self._complete:
            self.close()
            return
        kept = len(self._body)
        if kept < MAX_BODY_KEPT_BYTES:
            self._body += data[: MAX_BODY_KEPT_BYTES - kept]
        self._read_bytes += len(data)
        if self._read_bytes >= MAX_BODY_READ_BYTES:
            self._cut_off()

    def on_message_complete(self) -> None:
        """End the response, unless it is an informational one."""
        if self._status and not self._complete:
            self.reusable = self._parser.should_keep_alive() and not self.sending
            self._finish()

    def _end_head(self, data: bytes) -> None:
        """End the response to a HEAD request: the parser waits for a body that does not come."""
        if not self._status:
            return
        if not self._complete:
            bare = data.endswith(b"\r\n\r\n") and not self._read_bytes
            self.reusable = bare and self._parser.should_keep_alive()
            self._finish()
        self._parser = httptools.HttpResponseParser(self)

    def _ends_by_close(self) -> bool:
        """Whether the response has no other end than that of the connection."""
        coding = None
        for name, value in self._headers:
            lower = name.lower()
            if lower == b"transfer-encoding":
                coding = value.lower()
            elif lower == b"content-length":
                return False
        return coding is None or not coding.rstrip().endswith(b"chunked")


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
