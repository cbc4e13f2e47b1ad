"""uvicorn's HTTP/1.1, parsed one request at a time, and without upgrades."""

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
    """uvicorn's protocol, which is told where a request ends.

    The parser gets bytes in pieces that end where a head or a body ends, as far as that can be told
    without parsing. What they mean is the parser's to say: a cut in another place changes
    nothing of it. An offer to upgrade is ignored, as RFC 9110 (7.8) allows: the body is read as
    HTTP/1.1. The parser alone would take such a body for the next request.
    """

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._in_message = False
        """The parser has begun a request, and its end has not come."""
        self._in_body = False
        self._body_missing: int | None = 0
        """Bytes of the body that must come; None: it is chunked and ends by itself."""
        self._unframed_bytes = 0
        """What has come since the last byte of a body: trailers, which the parser keeps."""
        self._head_bytes = 0
        self._head_end = b""
        """The last bytes of a head that is not whole."""
        self._is_framing = False
        """The parser is told how long the body of a request is that offers an upgrade."""
        self._refusal: Refusal | None = None
        """Why a callback has stopped the parser."""
        super().__init__(*args, **named)

    # What LimitedProtocol says

    def _is_busy(self) -> bool:
        raise NotImplementedError

    def _is_ending(self) -> bool:
        raise NotImplementedError

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _close_after_response(self) -> None:
        raise NotImplementedError

    # Pieces

    def _piece_end(self, data: bytes, at: int, room: int) -> int:
        """Return where the head or body that is being read ends, at most ``room`` on in a head."""
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
        """Have the parser read the body of a request that offers an upgrade.

        It would take the bytes behind such a head for those of another protocol. So it is given a
        head that says the same of the body, of which nothing else is used.
        """
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] in _FRAMING]
        self._is_framing = True
        # A new one: the old one reads nothing more if the request is the connection's last.
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines))
        self._is_framing = False

    # The parser's calls

    def on_message_begin(self) -> None:
        """Begin a request, unless it comes in one piece with one that is not answered."""
        if self._is_framing:
            return
        if self._is_busy():
            raise ValueError
        self._in_message = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Note a part of the target."""
        if not self._is_framing:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; trailers are none (RFC 9110, 6.5.1)."""
        if not (self._is_framing or self._in_body):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the request's cycle, if its head is one that every reader reads alike."""
        if self._is_framing:
            return
        self._check_head()
        super().on_headers_complete()
        # As it was written: what a proxy in front has judged is what is routed.
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
        """Give the request's cycle a part of its body."""
        self._unframed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the body behind an offer to upgrade has not come yet."""
        if not self.parser.should_upgrade():
            self._end_message()

    def _end_message(self) -> None:
        self._in_message = self._in_body = False
        super().on_message_complete()
