"""Encodes requests as HTTP/1.1."""

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
"""Methods that need no ``Content-Length: 0`` without a body."""

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
    """Return a request's target and its encoded head.

    Raises InvalidUrlError, and UnsendableRequestError if a value would change the request's lines
    or the length of its body.
    """
    target, method = read_target(request.url), request.method.upper()
    framed = _framed(target, method, request.headers, request.body)
    return target, _encode_head(method, target, framed, len(request.body or b""))


def encode_for_internal(request: Request) -> bytes:
    """Return the head for destinations that EGRESS_ALLOW lists; empty if it is the same."""
    if not request.internal_headers:
        return b""
    headers = (*request.headers, *request.internal_headers)
    return encode_outgoing(request._replace(headers=headers))[1]


def _encode_head(name: str, target: Target, headers: list[Header], body_bytes: int) -> bytes:
    method = name.encode()
    _check_words(method, headers)
    _check_frame(headers, body_bytes)
    head = b"\r\n".join((b"%b %b HTTP/1.1" % (method, target.path), *map(_line, headers)))
    # Two for each line's end are allowed, and no others.
    if len(head) - len(head.translate(None, _LINE_BREAKERS)) != 2 * len(headers):
        msg = "a header has a control character"
        raise UnsendableRequestError(msg)
    return head + b"\r\n\r\n"


def _check_words(method: bytes, headers: list[Header]) -> None:
    words = [method, *[name for name, _ in headers]]
    if b"" in words or b"".join(words).translate(None, _TOKEN):
        msg = "the method or a header's name is not a valid HTTP token"
        raise UnsendableRequestError(msg)


def _check_frame(headers: list[Header], size: int) -> None:
    """Refuse a length that is not the body's: the rest would be read as another request."""
    lengths = [
        value
        for name, value in headers
        # Comparing lengths first avoids lower-casing most names.
        if len(name) in _FRAMING_LENGTHS and name.lower() in _FRAMING
    ]
    if lengths != [b"%d" % size] and (lengths or size):
        msg = "the request's headers declare another length than its body has"
        raise UnsendableRequestError(msg)
