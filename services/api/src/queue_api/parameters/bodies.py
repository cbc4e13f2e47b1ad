"""JSON bodies of management routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi import Response

from ..problems import FieldError, ProblemError
from .duplicates import duplicate_name
from .malformed import malformed_json
from .query import invalid_request

if TYPE_CHECKING:
    from fastapi import Request

__all__ = ["read_body", "respond"]

MAX_BYTES = 1 << 20
T = TypeVar("T")
_NAMES_FIELD = ("Object contains unknown field", "Object missing required field")
_encoder = msgspec.json.Encoder()


def respond(document: object, status: int = HTTPStatus.OK) -> Response:
    """Return a JSON response."""
    return Response(_encoder.encode(document), status, media_type="application/json")


async def read_body(
    request: Request, kind: type[T], *, max_bytes: int = MAX_BYTES, required: bool = False
) -> T:
    """Return a JSON body; raises ProblemError 400, 413, 415, or 422 that names the field.

    An empty body is an empty object, or a 400 if one is ``required``.
    """
    _check_media_type(request)
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > max_bytes:
            detail = f"The body is larger than {max_bytes} bytes"
            headers = {"Connection": "close"}
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail, headers=headers
            )
    if required and not raw:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", "The body is empty.")
    try:
        raw.decode()
        body = msgspec.json.decode(raw or b"{}", type=kind)
        twice = duplicate_name(raw) if raw else None
    except msgspec.ValidationError as error:
        raise invalid_request([_field_error(str(error))]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise malformed_json(raw, error) from None
    if twice is not None:
        raise invalid_request([FieldError(twice, "comes twice in the body")])
    return body


def _check_media_type(request: Request) -> None:
    # A page of another site can only send other media types without permission: see tasks.body.
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return
    if not media_type and request.headers.get("content-length", "0") == "0":
        return
    detail = f"Content-Type is {media_type!r}; send application/json"
    raise ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail,
        headers={"Accept": "application/json"},
    )  # fmt: skip


def _field_error(text: str) -> FieldError:
    """Return msgspec's message, which ends with the field's path: ``… - at `$.filter.state```.

    The path of a field that is missing or unknown leads to the object; the message has its name.
    """
    reason, _, path = text.partition(" - at ")
    field = path.strip("`").removeprefix("$").removeprefix(".")
    if reason.startswith(_NAMES_FIELD):
        field = f"{field}.{reason.split('`')[1]}".removeprefix(".")
    return FieldError(field, f"{reason[:1].lower()}{reason[1:]}")
