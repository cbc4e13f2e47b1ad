"""From a request's body to a task; every field that is wrong is named at once."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from queue_common.lanes import lane_of
from queue_common.task import VERSION, Task

from .checks import check_base64, check_url, header_errors
from .problems import FieldError, ProblemError
from .schemas import TaskCreate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_task"]

_decoder = msgspec.json.Decoder(TaskCreate)
_any = msgspec.json.Decoder(msgspec.Raw)
_loose = msgspec.json.Decoder(dict[str, msgspec.Raw])
_fields = {
    field.name: msgspec.json.Decoder(field.type) for field in msgspec.structs.fields(TaskCreate)
}
_JSON = "application/json"
_PATTERNS = {
    "url": "should be absolute and begin with http:// or https://",
    "method": "should be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
}


def parse_task(raw: bytes) -> Task:
    """Return the task a body asks for.

    Raises ProblemError 400 where the body is not JSON, 422 with every field and reason otherwise.
    """
    try:
        raw.decode()  # the decoder passes over what is in strings
        create = _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(error) from None
    return _to_task(create)


def _decode(raw: bytes) -> TaskCreate:
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError:
        # It ended at the first mistake, which need not be in the JSON itself: read it to its end.
        _any.decode(raw)
        raise _invalid(_type_errors(raw)) from None


def _malformed(error: Exception) -> ProblemError:
    detail = f"The body is not JSON: {error}"
    return ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", detail)


def _invalid(errors: list[FieldError]) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-task", "The task has mistakes.", errors=errors
    )


def _type_errors(raw: bytes) -> list[FieldError]:
    """Decode field by field what did not decode as a whole."""
    try:
        given = _loose.decode(raw)
    except msgspec.ValidationError:
        return [FieldError("", "should be a JSON object")]
    errors = [] if "url" in given else [FieldError("url", "is required")]
    for name, value in given.items():
        if name not in _fields:
            errors.append(FieldError(name, "is not a field of a task"))
            continue
        try:
            _fields[name].decode(value)
        except msgspec.DecodeError as error:
            errors.append(_type_error(name, str(error)))
    return errors


def _type_error(name: str, message: str) -> FieldError:
    """Say in our words what msgspec found, such as ``Expected `str`, got `int` - at `$[...]```."""
    reason, _, place = message.partition(" - at `$")
    if "matching regex" in reason:
        return FieldError(name, _PATTERNS[name])
    inside = ".*" if place.startswith("[...]") else ""
    return FieldError(name + inside, reason[:1].lower() + reason[1:])


def _to_task(create: TaskCreate) -> Task:
    errors: list[FieldError] = []

    def checked(name: str, check: Callable[[str], Any], value: str) -> Any:  # noqa: ANN401 - the check's
        try:
            return check(value)
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
            return None

    url = checked("url", check_url, create.url)
    errors += [
        FieldError(f"headers.{name}" if name else "headers", reason)
        for name, reason in header_errors(create.headers)
    ]
    headers = {name: value.strip(" \t") for name, value in create.headers.items()}
    body: bytes | None = None
    if create.body_base64 is not UNSET:
        body = checked("body_base64", check_base64, create.body_base64)
    if create.body is not UNSET:
        if create.body_base64 is not UNSET:
            errors.append(FieldError("body_base64", "cannot stand beside body"))
        body = _json_body(bytes(create.body), headers)
    if errors:
        raise _invalid(errors)
    now_ms = round(time.time() * 1000)
    return Task(VERSION, url, create.method.upper(), headers, body, now_ms, lane_of(url))


def _json_body(value: bytes, headers: dict[str, str]) -> bytes:
    """Return what is sent for a JSON value, byte for byte as it came where it is not a string."""
    if value.startswith(b'"'):
        text: str = msgspec.json.decode(value)
        return text.encode()
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = _JSON
    return value
