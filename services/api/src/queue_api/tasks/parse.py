"""From a request's body to a task."""

from __future__ import annotations

import time
from http import HTTPStatus

import msgspec
from msgspec import UNSET

from queue_common.lanes import lane_of
from queue_common.task import VERSION, Task

from ..problems import FieldError, ProblemError
from .checks import check_base64, check_method, check_url, header_errors
from .duplicates import has_duplicates
from .errors import validation_errors
from .schemas import TaskCreate

__all__ = ["parse_task", "refused_destination"]

MAX_ERRORS = 100
"""More are not told: a body of a megabyte can hold 100,000 unknown fields."""

_decoder = msgspec.json.Decoder(TaskCreate)
_JSON = "application/json"


def parse_task(raw: bytes, trace_context: dict[str, str] | None = None) -> Task:
    """Return the task a body asks for; ``trace_context`` travels with it.

    Raises ProblemError 400 where the body is not JSON, 422 with every field and reason otherwise.
    """
    try:
        raw.decode()  # the decoder passes over what is in strings
        return _parse(raw, trace_context)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def refused_destination(reason: str) -> ProblemError:
    """Return the 422 for a task that the worker would not deliver."""
    detail = "The task's destination must not be delivered to."
    errors = [FieldError("url", f"leads to what must not be delivered to: {reason}")]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "egress-refused", detail, errors=errors)


def _parse(raw: bytes, trace_context: dict[str, str] | None) -> Task:
    try:
        create = _decoder.decode(raw)
        if has_duplicates(raw, create):
            raise _invalid(raw)
        return _to_task(create, trace_context)
    except msgspec.ValidationError:
        raise _invalid(raw) from None
    except msgspec.DecodeError:
        raise
    except ValueError:  # from a check; the others are told with it
        raise _invalid(raw) from None


def _malformed(error: Exception) -> ProblemError:
    detail = f"The body is not JSON: {error}"
    return ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", detail)


def _invalid(raw: bytes) -> ProblemError:
    errors = validation_errors(raw, MAX_ERRORS + 1)
    detail = "The task has errors."
    if len(errors) > MAX_ERRORS:
        detail = f"The task has more than {MAX_ERRORS} errors; only the first are listed."
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-task", detail, errors=errors[:MAX_ERRORS]
    )


def _to_task(create: TaskCreate, trace_context: dict[str, str] | None) -> Task:
    """Return the task; raises ValueError where a field is wrong beyond its type."""
    url = check_url(create.url)
    method = "POST" if create.method is UNSET else check_method(create.method)
    headers: dict[str, str] = {}
    if create.headers is not UNSET:
        if header_errors(create.headers):
            raise ValueError
        headers = {name: value.strip(" \t") for name, value in create.headers.items()}
    body = _body(create, headers)
    now_ms = round(time.time() * 1000)
    return Task(
        VERSION, url, method, headers, body, now_ms, lane_of(url), trace_context=trace_context
    )


def _body(create: TaskCreate, headers: dict[str, str]) -> bytes | None:
    """Return the bytes to send; sets the Content-Type of JSON where ``headers`` has none."""
    if create.body is UNSET:
        return None if create.body_base64 is UNSET else check_base64(create.body_base64)
    if create.body_base64 is not UNSET:
        raise ValueError
    value = bytes(create.body)
    if value.startswith(b'"'):
        text: str = msgspec.json.decode(value)
        return text.encode()
    if "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = _JSON
    return value
