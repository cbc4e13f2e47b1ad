"""Converts a request's body to a task."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from queue_common.lanes import lane_of
from queue_common.retry import RetryPolicy, default_deadline_ms
from queue_common.task import VERSION, Task

from ..parameters import malformed_json
from ..problems import FieldError, ProblemError
from .checks import check_base64, check_method, check_url, header_errors
from .duplicates import has_duplicates
from .errors import validation_errors
from .options import check_lane, check_task_id, deadline_ms, read_options
from .schemas import TaskCreate

if TYPE_CHECKING:
    from queue_common.task import TaskId

__all__ = ["ParsedTask", "check_batch_key", "parse_task", "refused_destination", "wrong_key"]

MAX_BATCH_KEY_CHARACTERS = 250
"""A colon and a task's index follow."""
MAX_ERRORS = 100
"""Max errors in a response: a body of 1 MB may have 100,000 unknown fields."""

_decoder = msgspec.json.Decoder(TaskCreate)
_JSON = "application/json"
_DEFAULTS = RetryPolicy()


class ParsedTask(msgspec.Struct, frozen=True, gc=False):
    """The task of a body, and its given id."""

    task: Task
    task_id: TaskId | None = None
    """The id that the client has given it."""


def parse_task(
    raw: bytes, trace_context: dict[str, str] | None = None, *,
    policy: RetryPolicy = _DEFAULTS, idempotency_key: str | None = None,
    fallback_key: str | None = None,
) -> ParsedTask:  # fmt: skip
    """Return the task of a body, which carries ``trace_context``.

    ``policy`` has the deadline of delayed tasks, ``idempotency_key`` is the header's value, and
    ``fallback_key`` the key of a task that names none. Raises ProblemError 400 if the body is not
    JSON, 422 with every field and reason if it is invalid.
    """
    try:
        raw.decode()  # the decoder does not check the bytes in strings
        return _parse(raw, trace_context, policy, idempotency_key, fallback_key)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise malformed_json(raw, error) from None


def _parse(
    raw: bytes, trace_context: dict[str, str] | None, policy: RetryPolicy,
    idempotency_key: str | None, fallback_key: str | None,
) -> ParsedTask:  # fmt: skip
    try:
        create = _decoder.decode(raw)
        if has_duplicates(raw, create):
            raise _invalid(raw)
        if idempotency_key is not None:
            _take_key(create, idempotency_key)
        if fallback_key is not None and create.idempotency_key is UNSET:
            create.idempotency_key = fallback_key
        task = _to_task(create, trace_context)
        return _with_options(create, task, policy) if _is_more(create) else ParsedTask(task)
    except msgspec.ValidationError:
        raise _invalid(raw) from None
    except msgspec.DecodeError:
        raise
    except ValueError:  # from a check; report all errors together
        raise _invalid(raw) from None


def _to_task(create: TaskCreate, trace_context: dict[str, str] | None) -> Task:
    """Return the plain task; raises ValueError if a field has an invalid value."""
    url = check_url(create.url)
    method = "POST" if create.method is UNSET else check_method(create.method)
    headers: dict[str, str] = {}
    if create.headers is not UNSET:
        if header_errors(create.headers):
            raise ValueError
        headers = {name: value.strip(" \t") for name, value in create.headers.items()}
    body = _body(create, headers)
    now_ms = int(time.time() * 1000)  # not rounded up: a delay until a time would be too short
    return Task(
        VERSION, url, method, headers, body, now_ms, lane_of(url), trace_context=trace_context
    )


def _with_options(create: TaskCreate, task: Task, policy: RetryPolicy) -> ParsedTask:
    options = read_options(create, task.accepted_at_ms)
    own_deadline = deadline_ms(create.retry)
    if options is not None and options.delay_ms:
        # Stored in the field that the previous release reads too.
        own_deadline = options.delay_ms + (
            own_deadline or default_deadline_ms(options.retry, policy)
        )
    more = msgspec.structs.replace(
        task,
        headers=_comparable(create, task.headers),
        lane=task.lane if create.lane is UNSET else check_lane(create.lane),
        retry_interval_ms=options.retry.interval_ms if options and options.retry else None,
        retry_deadline_ms=own_deadline,
        options=options,
    )
    task_id = None if create.task_id is UNSET else check_task_id(create.task_id)
    return ParsedTask(more, task_id)


def _comparable(create: TaskCreate, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers, in the order of their names if the task may be sent again.

    Their order is no content, so it must not be in the digest of the content.
    """
    if create.idempotency_key is create.task_id is UNSET:
        return headers
    return dict(sorted(headers.items()))


def _is_more(create: TaskCreate) -> bool:
    """Return whether a task has options."""
    return not (
        create.task_id is create.lane is create.schedule_at is create.delay is create.timeout
        is create.retry is create.success is create.labels is create.callback
        is create.idempotency_key is UNSET
    )  # fmt: skip


def _take_key(create: TaskCreate, key: str) -> None:
    """Use the header's key instead of the field."""
    if create.idempotency_key not in {UNSET, key}:
        raise wrong_key("differs from the field idempotency_key")
    create.idempotency_key = key


def check_batch_key(key: str) -> str:
    """Return the header's key of a batch; raises ProblemError if no key can be derived from it."""
    if len(key) > MAX_BATCH_KEY_CHARACTERS:
        reason = f"should be at most {MAX_BATCH_KEY_CHARACTERS} characters for a batch"
        raise wrong_key(reason)
    return key


def wrong_key(reason: str) -> ProblemError:
    """Return the 422 for the header Idempotency-Key of a task."""
    errors = [FieldError("Idempotency-Key", reason)]
    detail = "The header Idempotency-Key is wrong."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-task", detail, errors=errors)


def refused_destination(field: str, reason: str) -> ProblemError:
    """Return the 422 for a task that the worker would refuse to deliver."""
    detail = "The task's destination must not be delivered to."
    errors = [FieldError(field, f"leads to what must not be delivered to: {reason}")]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "egress-refused", detail, errors=errors)


def _invalid(raw: bytes) -> ProblemError:
    errors = validation_errors(raw, MAX_ERRORS + 1)
    detail = "The task has errors."
    if len(errors) > MAX_ERRORS:
        detail = f"The task has more than {MAX_ERRORS} errors; only the first are listed."
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-task", detail, errors=errors[:MAX_ERRORS]
    )


def _body(create: TaskCreate, headers: dict[str, str]) -> bytes | None:
    """Return the bytes to send; sets the Content-Type of JSON if ``headers`` has none."""
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
