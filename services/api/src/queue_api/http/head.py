"""Recognises requests for the fast path by their head."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..openapi import PATH
from ..problems import ProblemError
from ..tasks.body import check_headers
from .origin import check_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .origin import AllowedHosts

__all__ = ["Head", "read_head"]

MAX_HEAD_BYTES = 4096
MAX_BODY_BYTES = 65536
"""Larger bodies are read by uvicorn, with its flow control."""
CACHE_SIZE = 512
"""Clients that keep their connections send the same head again and again."""

_REQUEST_LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
_END = b"\r\n\r\n"
# Each part ends where the next must begin, so the time is linear for any input. Folded headers,
# bare CR or LF, and everything else that parsers read differently do not match.
_HEADERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)+")
# A value ends where another parser could see its end: the rest of it then fails _HEADERS.
_SECRET = re.compile(
    rb"(\r\n(?:authorization|proxy-authorization|cookie):)([^\x00-\x08\x0a-\x1f\x7f]*)",
    re.IGNORECASE,
)
_SECRETS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
_LENGTH = re.compile(rb"[0-9]{1,5}")
_NOT_ON_FAST_PATH = frozenset(
    {b"transfer-encoding", b"expect", b"upgrade", b"proxy-connection", b"idempotency-key"}
)
_SINGLE = (
    {b"host"}
    | _NOT_ON_FAST_PATH
    | {b"content-length", b"content-type", b"content-encoding", b"connection"}
    | {b"authorization", b"x-project"}
)
_NAME_BYTES = len("\r\nAuthorization: ")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


class Head(NamedTuple):
    """The head of a request for a task, and the size of the request."""

    headers: tuple[tuple[bytes, bytes], ...]
    """In ASGI's form: names in lower case, in their original order. The values of
    Authorization, Proxy-Authorization and Cookie are empty."""
    project: bytes | None
    """The value of X-Project."""
    head_bytes: int
    """Size of the head."""
    request_bytes: int
    """Size of head and body."""


def read_head(
    data: bytes, max_bytes: int, allowed: AllowedHosts
) -> tuple[Head, bytes | None] | None:
    """Return the head at the beginning of ``data`` if it is complete and for the fast path.

    That is a ``POST /api/v1/tasks`` on a connection that stays open, whose body is JSON and has a
    length of at most ``max_bytes`` and 64 KiB, and which is unambiguous. The value of Authorization
    is returned beside the head, which does not contain it. None: the HTTP parser must read it.
    """
    if not data.startswith(_REQUEST_LINE):
        return None
    end = data.find(_END, 0, MAX_HEAD_BYTES)
    if end < 0:
        return None
    raw = data[: end + len(_END)]
    if b"uthorization:" in raw or b"ookie:" in raw:
        return _read_with_key(raw, max_bytes, allowed)
    try:
        head = _read_cached(raw, 0, max_bytes, allowed)
    except _SecretError:
        return _read_with_secret(raw, max_bytes, allowed)
    return None if head is None else (head, None)


class _SecretError(Exception):
    """The head contains a secret, so it must not be cached."""


def _read_with_key(
    raw: bytes, max_bytes: int, allowed: AllowedHosts
) -> tuple[Head, bytes | None] | None:
    """Do the same as ``_read_with_secret`` for a head with a single secret, in less time."""
    begin = raw.find(b"\r\nAuthorization: ")
    if begin < 0:
        begin = raw.find(b"\r\nauthorization: ")
    at = begin + _NAME_BYTES
    end = raw.find(b"\r", at)
    value = raw[at:end]
    kept = raw[:at] + raw[end:]
    is_single = begin >= 0 and kept.count(b"uthorization:") == 1 and b"ookie:" not in kept
    if not (is_single and _VALUE.fullmatch(value)):
        return _read_with_secret(raw, max_bytes, allowed)
    try:
        head = _read_cached(kept, len(value), max_bytes, allowed)
    except _SecretError:
        return _read_with_secret(raw, max_bytes, allowed)
    return None if head is None else (head, value)


def _read_with_secret(
    raw: bytes, max_bytes: int, allowed: AllowedHosts
) -> tuple[Head, bytes | None] | None:
    """Read a head. The cache keeps it without the values that identify the client."""
    keys = [value for name, value in _SECRET.findall(raw) if name[2:3] in b"aA"]
    kept = _SECRET.sub(rb"\1", raw)
    head = _read_cached(kept, len(raw) - len(kept), max_bytes, allowed)
    return None if head is None else (head, keys[0].strip(b" \t") if keys else None)


@lru_cache(maxsize=CACHE_SIZE)
def _read_cached(
    head: bytes, secret_bytes: int, max_bytes: int, allowed: AllowedHosts
) -> Head | None:
    """Read a head from which ``secret_bytes`` were removed."""
    lines = head[len(_REQUEST_LINE) : -2]
    if not _HEADERS.fullmatch(lines):
        return None
    headers = tuple(map(_header, lines.split(b"\r\n")[:-1]))
    if any(value and name in _SECRETS for name, value in headers):
        raise _SecretError
    once = [header for header in headers if header[0] in _SINGLE]
    known = dict(once)
    if len(known) < len(once) or not _is_plain(known):
        return None
    try:
        check_source("POST", headers, allowed)
        check_headers(known, max_bytes)
    except ProblemError:
        return None
    head_bytes = len(head) + secret_bytes
    return Head(
        headers, known.get(b"x-project"), head_bytes, head_bytes + int(known[b"content-length"])
    )


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.lstrip(b" \t")


def _is_plain(known: Mapping[bytes, bytes]) -> bool:
    length = known.get(b"content-length", b"")
    if not _LENGTH.fullmatch(length) or int(length) > MAX_BODY_BYTES:
        return False
    if known.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return False
    return b"host" in known and _NOT_ON_FAST_PATH.isdisjoint(known)
