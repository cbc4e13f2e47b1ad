"""What the API refuses of a task, as far as a program can get it wrong."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from ..models import FieldError, NewTask, Problem, Retry
from .answers import PROBLEM, ProblemAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_task"]

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
STRATEGIES = {"constant", "linear", "exponential", "schedule"}
DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|s|m|h|d))+")
LABEL = re.compile(r"[A-Za-z0-9_.\-/]{1,63}")
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_KEY = re.compile(r"[!-~]{1,255}")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
CLASS = re.compile(r"[1-5][xX][xX]")
SET_BY_THE_WORKER = {
    "host", "content-length", "connection", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "expect", "webhook-id", "webhook-timestamp", "webhook-signature",
}  # fmt: skip
NAMES = {"": NewTask, "retry": Retry}
_decoder = msgspec.json.Decoder(NewTask)


def read_task(content: bytes, key: str | None = None) -> NewTask:
    """Return the task of a body and a header's key; raises ProblemAnswer as the API refuses one."""
    try:
        given = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise _refusal(400, "malformed-json", f"The body is not JSON: {error}", []) from None
    errors = [*_unknown(given)]
    try:
        task = _decoder.decode(content)
    except msgspec.ValidationError as error:
        errors.append(FieldError("", str(error)))
    else:
        errors += [FieldError(*pair) for pair in _errors(task)]
    if key is not None and not HEADER_KEY.fullmatch(key):
        reason = "should be 1 to 255 visible ASCII characters"
        errors.append(FieldError("Idempotency-Key", reason))
    if errors:
        raise _refusal(422, "invalid-task", "The task has errors.", errors)
    task.idempotency_key = key or task.idempotency_key
    return task


def _refusal(status: int, kind: str, detail: str, errors: list[FieldError]) -> ProblemAnswer:
    return ProblemAnswer(Problem(PROBLEM + kind, kind, status, detail, errors))


def _unknown(given: Any) -> Iterator[FieldError]:
    """Yield the fields that no task has."""
    for where, model in NAMES.items():
        fields = given.get(where) if where and isinstance(given, dict) else given
        if isinstance(fields, dict):
            for name in fields.keys() - {*model.__struct_fields__}:
                yield FieldError(f"{where}.{name}" if where else name, "is no field of this API")


def _errors(task: NewTask) -> Iterator[tuple[str, str]]:
    yield from _url_errors("url", task.url)
    if task.method is not None and task.method.upper() not in METHODS:
        yield "method", f"should be one of {', '.join(sorted(METHODS))}"
    yield from _header_errors("headers", task.headers or {})
    if task.body is not msgspec.UNSET and task.body_base64 is not None:
        yield "body_base64", "cannot be set together with body"
    if task.delay is not None and task.schedule_at is not None:
        yield "delay", "cannot be set together with schedule_at"
    for name in ("delay", "timeout"):
        yield from _duration_errors(name, getattr(task, name))
    yield from _status_errors("success", task.success, set())
    yield from _name_errors(task)
    if task.retry is not None:
        yield from _retry_errors(task.retry)
    if task.callback is not None:
        yield from _url_errors("callback.url", task.callback.url)
        yield from _header_errors("callback.headers", task.callback.headers or {})


def _url_errors(name: str, url: str) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError as error:
        yield name, f"is not a URL: {error}"
        return
    if parts.scheme not in {"http", "https"}:
        yield name, "should be absolute and begin with http:// or https://"
    elif not host or re.search(r"[\x00-\x20\x7f\\]", url):
        yield name, "has no valid host, or whitespace"
    elif "@" in parts.netloc:
        yield name, "has credentials; send them in an Authorization header"


def _header_errors(name: str, headers: dict[str, str]) -> Iterator[tuple[str, str]]:
    for header, value in headers.items():
        if not HEADER.fullmatch(header):
            yield f"{name}.{header}", "is not a header name"
        elif header.lower().replace("_", "-") in SET_BY_THE_WORKER:
            yield f"{name}.{header}", "cannot be set: the worker sets it"
        elif CONTROL.search(value):
            yield f"{name}.{header}", "has a control character in its value"


def _duration_errors(name: str, text: object) -> Iterator[tuple[str, str]]:
    if text is not None and not (isinstance(text, str) and DURATION.fullmatch(text)):
        yield name, "should be a duration such as 90s, 1m30s or 1d10h30m"


def _status_errors(
    name: str, values: list[str | int] | None, words: set[str]
) -> Iterator[tuple[str, str]]:
    for value in values or []:
        known = 100 <= value <= 599 if isinstance(value, int) else CLASS.fullmatch(value)
        if not known and value not in words:
            yield name, f"has {value!r}; it should hold status codes and classes such as 5xx"


def _name_errors(task: NewTask) -> Iterator[tuple[str, str]]:
    for label in task.labels or {}:
        if not LABEL.fullmatch(label):
            yield f"labels.{label}", "should be 1 to 63 of A-Z a-z 0-9 _ . - /"
    if task.idempotency_key is not None and not 1 <= len(task.idempotency_key) <= 255:
        yield "idempotency_key", "should be 1 to 255 characters"
    if task.task_id is not None:
        try:
            uuid.UUID(task.task_id)
        except ValueError:
            yield "task_id", "is not a UUID"


def _retry_errors(retry: Retry) -> Iterator[tuple[str, str]]:
    if retry.strategy is not None and retry.strategy not in STRATEGIES:
        yield "retry.strategy", f"should be one of {', '.join(sorted(STRATEGIES))}"
    for name in ("interval", "max_interval", "deadline"):
        yield from _duration_errors(f"retry.{name}", getattr(retry, name))
    for i, delay in enumerate(retry.delays or []):
        yield from _duration_errors(f"retry.delays[{i}]", delay)
    yield from _status_errors("retry.on", retry.on, {"timeout", "connection"})
