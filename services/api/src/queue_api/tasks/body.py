"""Reads a request's body within its limit."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from ..problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Message, Receive

__all__ = ["JSON", "check_coding", "check_headers", "read_json_body", "too_large"]

JSON = "application/json"
_JSON = JSON.encode()
_CHECKED_HEADERS = frozenset({b"content-type", b"content-encoding", b"content-length"})


async def read_json_body(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, max_bytes: int,
    limit: str = "API_MAX_BODY", accepted: tuple[str, ...] = (JSON,),
) -> bytes:  # fmt: skip
    """Return the body; raises ProblemError 415 if it is not plain JSON, 413 over ``max_bytes``.

    If the length is declared, a body is refused before it is read, otherwise while it is read. The
    names in ``headers`` are in lower case; ``limit`` names the variable, ``accepted`` the media
    types that the caller reads, of which this reads JSON. Raises ClientDisconnect if the client
    disconnects.
    """
    check_headers(
        {name: value for name, value in headers if name in _CHECKED_HEADERS},
        max_bytes, limit, accepted,
    )  # fmt: skip
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise too_large(max_bytes, limit)
        return body
    return await _read_body(message, receive, max_bytes, limit)


async def _read_body(message: Message, receive: Receive, max_bytes: int, limit: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes, limit)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


def check_headers(
    headers: Mapping[bytes, bytes], max_bytes: int, limit: str = "API_MAX_BODY",
    accepted: tuple[str, ...] = (JSON,),
) -> None:  # fmt: skip
    """Raise ProblemError 415 if the body is not plain JSON, 413 if its declared size is too big."""
    media_type = headers.get(b"content-type", b"")
    if media_type != _JSON:
        _check_media_type(media_type.decode("latin-1"), accepted)
    if b"content-encoding" in headers:
        check_coding(headers[b"content-encoding"].decode("latin-1"))
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large(max_bytes, limit)


def _check_media_type(header: str, accepted: tuple[str, ...]) -> None:
    """Accept JSON and media types based on it.

    A missing header is refused too: browsers let a page of any site send a body without one, but
    ask for permission before they send JSON.
    """
    media_type = header.partition(";")[0].strip().lower()
    if media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return
    found = f"is {media_type!r}" if media_type else "is missing"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        f"Content-Type {found}; send {' or '.join(accepted)}",
        headers={"Accept": ", ".join(accepted)},
    )


def check_coding(header: str) -> None:
    """Raise ProblemError 415 if a Content-Encoding is one."""
    if header.strip().lower() in {"", "identity"}:
        return
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-content-encoding",
        f"Content-Encoding is {header!r}; send the body without one",
        headers={"Accept-Encoding": "identity"},
    )


def too_large(max_bytes: int, limit: str = "API_MAX_BODY") -> ProblemError:
    """Return the 413 of what is larger than the variable ``limit`` allows."""
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        f"The body is larger than {max_bytes} bytes, which is {limit}",
        headers={"Connection": "close"},
    )
