"""uvicorn's HTTP/1.1 protocol, parsing one request at a time and without upgrades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import refusals

if TYPE_CHECKING:
    from .refusals import Refusal

__all__ = ["ParsingProtocol"]

_END = b"\r\n\r\n"
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class ParsingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also knows where a request ends.

    The parser gets bytes in pieces that end at the end of a head or body, if that can be found
    without parsing. Only the parser interprets them: another cut would not change the result. An
    offer to upgrade is ignored, as RFC 9110 (7.8) allows, and the body is read as HTTP/1.1. The
    parser alone would take such a body for the next request.
    """

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._in_message = False
        """The parser has begun a request that has not ended."""
        self._in_body = False
        self._body_missing: int | None = 0
        """Missing bytes of the body; None if it is chunked."""
        self._unframed_bytes = 0
        """Bytes since the last byte of a body: trailers, which the parser keeps in memory."""
        self._head_bytes = 0
        self._head_end = b""
        """The last bytes of an incomplete head."""
        self._is_framing = False
        """Set while ``_read_as_http1`` gives the parser a replacement head."""
        self._refusal: Refusal | None = None
        """The reason for which a callback has stopped the parser."""
        super().__init__(*args, **named)

    # Implemented by LimitedProtocol

    def _is_busy(self) -> bool:
        raise NotImplementedError

    def _is_ending(self) -> bool:
        raise NotImplementedError

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _close_after_response(self) -> None:
        raise NotImplementedError

    # Cutting into pieces

    def _piece_end(self, data: bytes, at: int, room: int) -> int:
        """Return the offset at which the current head or body ends; a head ends after ``room``."""
        if self._in_body:
            return len(data) if self._body_missing is None else at + self._body_missing
        known = self._head_end
        end = (known + data[at : at + room]).find(_END)
        return at + (room if end < 0 else end + len(_END) - len(known))

    def _track_head(self, piece: memoryview) -> None:
        self._head_bytes += len(piece)
        self._head_end = (self._head_end + bytes(piece[-3:]))[-3:]

    def _track_body(self, size: int) -> None:
        if self._body_missing is not None:
            self._body_missing -= size
        self._unframed_bytes += size

    def _feed(self, piece: memoryview | bytes) -> None:
        if self._is_ending():
            return
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._read_as_http1()
        except httptools.HttpParserError:
            if self._is_busy():
                self._close_after_response()
            else:
                self._refuse(self._refusal or refusals.MALFORMED)

    def _read_as_http1(self) -> None:
        """Make the parser read the body of a request that offers an upgrade.

        It would take the bytes after such a head for those of another protocol. So it gets another
        head with the same length of the body; nothing else of that head is used.
        """
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] in _FRAMING]
        self._is_framing = True
        # A new parser: the old one stops if the request is the connection's last.
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines))
        self._is_framing = False

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin a request, unless it is in one piece with another that has no response yet."""
        if self._is_framing:
            return
        if self._is_busy():
            raise ValueError
        self._in_message = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Keep a part of the target."""
        if not self._is_framing:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are no headers (RFC 9110, 6.5.1)."""
        if not (self._is_framing or self._in_body):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the request's cycle, if its head is unambiguous."""
        if self._is_framing:
            return
        self._check_head()
        super().on_headers_complete()
        # The path as it was sent: a proxy in front has judged the same one.
        self.scope["path"] = self.scope["raw_path"].decode("ascii")
        self._on_body_begin()

    def _check_head(self) -> None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        version = self.parser.get_http_version()
        needed = version == "1.1"
        if hosts > 1 or (needed and not hosts):
            self._refusal = refusals.NO_HOST
            raise ValueError
        if version not in {"1.0", "1.1"} or self.parser.get_method() == b"CONNECT":
            raise ValueError

    def _on_body_begin(self) -> None:
        framing = dict(header for header in self.headers if header[0] in _FRAMING)
        is_chunked = b"transfer-encoding" in framing
        self._body_missing = None if is_chunked else int(framing.get(b"content-length", b"0"))
        self._in_body = True
        self._unframed_bytes = 0
        self._head_bytes = 0
        self._head_end = b""

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body to the request's cycle."""
        self._unframed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, unless it offers an upgrade: then its body is still to come."""
        if not self.parser.should_upgrade():
            self._end_message()

    def _end_message(self) -> None:
        self._in_message = self._in_body = False
        super().on_message_complete()
