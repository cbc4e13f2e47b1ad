"""Requests, written as HTTP/1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UnsendableRequestError
from .url import Target, read_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Header, Request

__all__ = ["encode_for_internal", "encode_outgoing"]

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""Methods for which the lack of a body goes without saying."""

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_FRAMING_LENGTHS = frozenset(map(len, _FRAMING))
_LINE_BREAKERS = b"\r\n\0"
_line = b": ".join


def _framed(
    target: Target, method: str, headers: Sequence[Header], body: bytes | None
) -> list[Header]:
    framed = [(b"Host", target.authority), *headers]
    if body is not None:
        framed.append((b"Content-Length", b"%d" % len(body)))
    elif method not in _WITHOUT_BODY:
        framed.append((b"Content-Length", b"0"))
    return framed


def encode_outgoing(request: Request) -> tuple[Target, bytes]:
    """Return where a request goes and its head as it goes over the wire, before its body.

    Raises InvalidUrlError, and UnsendableRequestError for what would break out of its line or its
    frame.
    """
    target, method = read_target(request.url), request.method.upper()
    framed = _framed(target, method, request.headers, request.body)
    return target, _encode_head(method, target, framed, len(request.body or b""))


def encode_for_internal(request: Request) -> bytes:
    """Return the head for a destination that EGRESS_ALLOW lists; empty: it is no other."""
    if not request.internal_headers:
        return b""
    headers = (*request.headers, *request.internal_headers)
    return encode_outgoing(request._replace(headers=headers))[1]


def _encode_head(name: str, target: Target, headers: list[Header], body_bytes: int) -> bytes:
    method = name.encode()
    _check_words(method, headers)
    _check_frame(headers, body_bytes)
    head = b"\r\n".join((b"%b %b HTTP/1.1" % (method, target.path), *map(_line, headers)))
    # Two for each line's end, and no more.
    if len(head) - len(head.translate(None, _LINE_BREAKERS)) != 2 * len(headers):
        msg = "a header has a control character"
        raise UnsendableRequestError(msg)
    return head + b"\r\n\r\n"


def _check_words(method: bytes, headers: list[Header]) -> None:
    words = [method, *[name for name, _ in headers]]
    if b"" in words or b"".join(words).translate(None, _TOKEN):
        msg = "the method or a header's name is not a word of HTTP"
        raise UnsendableRequestError(msg)


def _check_frame(headers: list[Header], size: int) -> None:
    """Refuse a frame that is not the body's: the rest would be read as a request of its own."""
    lengths = [
        value
        for name, value in headers
        # Looking at the length first spares most names the lower-casing.
        if len(name) in _FRAMING_LENGTHS and name.lower() in _FRAMING
    ]
    if lengths != [b"%d" % size] and (lengths or size):
        msg = "the request's headers tell another length than its body has"
        raise UnsendableRequestError(msg)
