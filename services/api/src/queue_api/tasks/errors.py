"""Finds all errors of a request for a task, field by field."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from ..parameters import duplicate_name
from ..problems import FieldError
from .checks import check_base64, check_method, check_url, header_errors
from .duplicates import duplicate_field, duplicate_header
from .option_schemas import (
    MAX_HEADERS,
    MAX_LABELS,
    CallbackCreate,
    Delay,
    IdempotencyKey,
    Labels,
    LabelValue,
    Lane,
    RetryCreate,
    Statuses,
    Time,
    Timeout,
    Url,
    Uuid,
)
from .options import (
    OptionError,
    check_callback,
    check_idempotency_key,
    check_labels,
    check_lane,
    check_retry,
    check_success,
    check_task_id,
)
from .schemas import Base64, Method
from .times import check_delay, check_time, check_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["validation_errors"]

_TYPE = re.compile(r"`([\w| ]+)`")
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_JSON_TYPES = {"str": "string", "int": "number", "float": "number", "bool": "boolean"}
_any = msgspec.json.Decoder(msgspec.Raw)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)


def validation_errors(raw: bytes, max_errors: int) -> list[FieldError]:
    """Return the first errors of an invalid body, in the order of its fields.

    The decoder of a whole task stops at its first error, so this decodes each field separately. It
    stops at ``max_errors``, because a body of 1 MB may have 100,000 errors. Raises
    msgspec.DecodeError or RecursionError if the body is not JSON.
    """
    # Decode all of it first: malformed JSON may come after the first error.
    _any.decode(raw)
    try:
        given = _object.decode(raw)
    except msgspec.ValidationError:
        return [FieldError("", "should be a JSON object")]
    return list(islice(_judge(raw, given), max_errors))


def _judge(raw: bytes, given: dict[str, msgspec.Raw]) -> Iterator[FieldError]:
    if "url" not in given:
        yield FieldError("url", "is required")
    if (duplicate := duplicate_field(raw)) is not None:
        yield FieldError(duplicate, "comes twice in the body")
    for name, value in given.items():
        if name in _FIELDS:
            yield from _FIELDS[name](name, value)
        else:
            yield FieldError(name, "is not a field of a task")
    for one, other in _NOT_TOGETHER:
        if one in given and other in given:
            yield FieldError(other, f"cannot be set together with {one}")


def _field(
    kind: object, check: Callable[[Any], object]
) -> Callable[[str, msgspec.Raw], Iterable[FieldError]]:
    """Return a function that finds the errors of a field of type ``kind``."""
    decoder = msgspec.json.Decoder(kind)

    def find(name: str, value: msgspec.Raw) -> Iterable[FieldError]:
        try:
            decoded = decoder.decode(value)
        except msgspec.ValidationError as error:
            message = str(error)
            inside = _PATH.search(message)
            path = _inside(name, inside[1]) if inside else name
            yield FieldError(path, _readable_reason(_PATH.sub("", message)))
            return
        if isinstance(decoded, msgspec.Struct | dict) and (twice := duplicate_name(bytes(value))):
            yield FieldError(f"{name}.{twice}", "comes twice")
            return
        try:
            check(decoded)
        except OptionError as error:
            yield FieldError(_inside(name, error.field), str(error))
        except ValueError as error:
            yield FieldError(name, str(error))

    return find


def _inside(name: str, path: str) -> str:
    return f"{name}{path}" if path.startswith("[") or not path else f"{name}.{path}"


def _headers(name: str, value: msgspec.Raw) -> Iterable[FieldError]:
    try:
        given = _object.decode(value)
    except msgspec.ValidationError as error:
        yield FieldError(name, _readable_reason(str(error)))
        return
    if len(given) > MAX_HEADERS:
        # They are not checked one by one: a body of 1 MB may have 80,000.
        yield FieldError(name, f"has {len(given)} entries; at most {MAX_HEADERS} are sent")
        return
    if (duplicate := duplicate_header(bytes(value), given)) is not None:
        yield FieldError(f"{name}.{duplicate}", "comes twice")
    strings: dict[str, str] = {}
    for header, header_value in given.items():
        try:
            strings[header] = _string.decode(header_value)
        except msgspec.ValidationError as error:
            yield FieldError(f"{name}.{header}", _readable_reason(str(error)))
    for header, reason in header_errors(strings):
        yield FieldError(f"{name}.{header}" if header else name, reason)


def _labels(name: str, value: msgspec.Raw) -> Iterable[FieldError]:
    """Name a wrong value by its label, which the decoder of all does not."""
    errors: list[FieldError] = []
    with suppress(msgspec.ValidationError):
        given = _object.decode(value)
        for label, text in list(given.items())[:MAX_LABELS]:
            errors += _label_value(f"{name}.{label[:64]}", text)
    return errors or _all_labels(name, value)


def _readable_reason(message: str) -> str:
    """Reword a message of msgspec, such as ``Expected `str`, got `int```."""
    words = _TYPE.sub(
        lambda found: " or ".join(_JSON_TYPES.get(t, t) for t in found[1].split(" | ")), message
    )
    return words[:1].lower() + words[1:]


_label_value = _field(LabelValue, lambda _value: None)
_all_labels = _field(Labels, check_labels)
_FIELDS = {
    "url": _field(Url, check_url),
    "method": _field(Method, check_method),
    "headers": _headers,
    "body": lambda _name, _value: (),
    "body_base64": _field(Base64, check_base64),
    "task_id": _field(Uuid, check_task_id),
    "lane": _field(Lane, check_lane),
    "schedule_at": _field(Time, check_time),
    "delay": _field(Delay, check_delay),
    "timeout": _field(Timeout, check_timeout),
    "retry": _field(RetryCreate, check_retry),
    "success": _field(Statuses, check_success),
    "idempotency_key": _field(IdempotencyKey, check_idempotency_key),
    "labels": _labels,
    "callback": _field(CallbackCreate, check_callback),
}
_NOT_TOGETHER = (("body", "body_base64"), ("schedule_at", "delay"))
