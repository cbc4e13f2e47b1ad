"""Finds fields and headers that occur twice in a body.

Our decoder uses the last of them. A gateway that has checked the request may have used the first.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ..parameters import duplicate_name
from .schemas import TaskCreate

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["duplicate_field", "duplicate_header", "has_duplicates"]


class _Value:
    """The value of a field. It is not decoded."""


# The decoder calls its hook for each occurrence of a field, with the field's type.
_TYPES: list[type[_Value]] = [type(name, (_Value,), {}) for name in TaskCreate.__struct_fields__]
_VALUES: dict[type[_Value], _Value] = {kind: kind() for kind in _TYPES}
_QUOTED = [f'"{kind.__name__}"'.encode() for kind in _TYPES]
_BODY_NAME = re.compile(rb'"body"[ \t\r\n]*:[ \t\r\n]*\Z')


class _DuplicateError(Exception):
    """Not a ValueError, because msgspec catches those."""


class _HeadersAlone(msgspec.Struct):
    headers: Raw | UnsetType = UNSET


class _OptionsAlone(msgspec.Struct):
    retry: Raw | UnsetType = UNSET
    labels: Raw | UnsetType = UNSET
    callback: Raw | UnsetType = UNSET


_found: list[str] = []
"""Fields for which the hook has been called since the last ``clear``."""


def _note(kind: type[_Value], _value: object) -> _Value:
    name = kind.__name__
    if name in _found:
        raise _DuplicateError(name)
    _found.append(name)
    return _VALUES[kind]


_fields = msgspec.json.Decoder(
    msgspec.defstruct("_Fields", [(kind.__name__, kind | UnsetType, UNSET) for kind in _TYPES]),
    dec_hook=_note,
)
_headers_alone = msgspec.json.Decoder(_HeadersAlone)
_options_alone = msgspec.json.Decoder(_OptionsAlone)


def has_duplicates(raw: bytes, create: TaskCreate) -> bool:
    """Return whether ``raw``, from which ``create`` was read, names a field or a header twice."""
    return not _quotes_match(raw, create) and _names_any_twice(raw, create)


def _quotes_match(raw: bytes, create: TaskCreate) -> bool:
    """Return whether ``raw`` has no more quotation marks than ``create`` needs.

    A repeated name has at least two more. An escape may hide some, except in the body, which is
    counted unchanged.
    """
    quotes, escapes = raw.count(b'"'), raw.count(b"\\")
    expected = 4  # "url" and its value
    if create.method is not UNSET:
        expected += 4
    if create.headers is not UNSET:
        expected += 2 + 4 * len(create.headers)
    if create.body is not UNSET:
        body = bytes(create.body)
        expected += 2 + body.count(b'"')
        escapes -= body.count(b"\\")
    if create.body_base64 is not UNSET:
        expected += 4
    if quotes != expected:
        # Most tasks have no options, and then this costs nothing.
        expected += _quotes_of_options(create)
    return quotes == expected and not escapes


def _quotes_of_options(create: TaskCreate) -> int:
    """Return the number of quotation marks of those options that have only one spelling."""
    texts = (
        create.task_id, create.lane, create.schedule_at, create.delay, create.timeout,
        create.idempotency_key,
    )  # fmt: skip
    quotes = 4 * sum(text is not UNSET for text in texts)
    return quotes if create.labels is UNSET else quotes + 2 + 4 * len(create.labels)


def _names_any_twice(raw: bytes, create: TaskCreate) -> bool:
    text = _without_body(raw, create.body)
    if text is None:
        # The body's text is part of the rest, and may contain the same names.
        suspicious = b"\\u" in raw or max(map(raw.count, _QUOTED)) > 1
        if suspicious and duplicate_field(raw) is not None:
            return True
        text = raw
    elif duplicate_field(text) is not None:
        return True
    return _in_headers(text, create) or _in_options(text, create)


def _without_body(raw: bytes, body: Raw | UnsetType) -> bytes | None:
    """Return ``raw`` with a small value in the body's place; None if the body is not its end.

    The name before the value is checked: headers, or the end of a URL, may be the same text.
    """
    if body is UNSET:
        return raw
    value = bytes(body)
    end = raw.rstrip()
    start = len(end) - 1 - len(value)
    if not end.startswith(value, start):
        return None
    before = end[:start]
    return before + b"0}" if _BODY_NAME.search(before) else None


def duplicate_field(raw: bytes) -> str | None:
    """Return the first field of a task that ``raw``, a JSON object, names twice."""
    _found.clear()
    try:
        _fields.decode(raw)
    except _DuplicateError as error:
        return str(error)
    return None


def _in_headers(text: bytes, create: TaskCreate) -> bool:
    if create.headers is UNSET:
        return False
    headers = bytes(_headers_alone.decode(text).headers or b"")
    return duplicate_header(headers, create.headers) is not None


def _in_options(text: bytes, create: TaskCreate) -> bool:
    if create.retry is create.labels is create.callback is UNSET:
        return False
    options = _options_alone.decode(text)
    given = (options.retry, options.labels, options.callback)
    return any(value is not UNSET and duplicate_name(bytes(value)) is not None for value in given)


def duplicate_header(text: bytes, headers: Sized) -> str | None:
    """Return the first name that ``text``, from which ``headers`` was read, has twice."""
    if text.count(b'"') == 4 * len(headers) and b"\\" not in text:
        return None
    pairs: list[tuple[str, Any]] = []
    # Called for the outermost object last.
    json.loads(text, object_pairs_hook=lambda found: pairs.__setitem__(slice(None), found))
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return None
