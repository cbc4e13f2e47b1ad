"""Reading a request's body within its limit."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from .problems import ProblemError

if TYPE_CHECKING:
    from fastapi import Request

__all__ = ["read_json_body"]


async def read_json_body(request: Request, most_bytes: int) -> bytes:
    """Return the body; raises ProblemError 415 for what is not plain JSON, 413 over ``most_bytes``.

    A body that says its length is refused before it is read, any other while it is.
    """
    _check_media_type(request.headers.get("content-type"))
    _check_coding(request.headers.get("content-encoding", ""))
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise _too_large(most_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _check_media_type(header: str | None) -> None:
    """Take JSON and its relatives; no header at all counts as JSON, as in the original service."""
    if header is None:
        return
    media_type = header.partition(";")[0].strip().lower()
    if media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        f"Content-Type is {media_type!r}; send application/json",
        headers={"Accept": "application/json"},
    )


def _check_coding(header: str) -> None:
    if header.strip().lower() in {"", "identity"}:
        return
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-content-encoding",
        f"Content-Encoding is {header!r}; send the body without one",
        headers={"Accept-Encoding": "identity"},
    )


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        f"The body is larger than {most_bytes} bytes, which is API_MAX_BODY",
        headers={"Connection": "close"},
    )
