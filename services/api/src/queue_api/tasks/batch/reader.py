"""A batch's tasks, a few at a time, as they come."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import ClientDisconnect

from ...parameters import malformed_json
from ...problems import FieldError, ProblemError
from ..body import JSON, check_coding, read_json_body, too_large

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.types import Receive

    from ...http.refusals import Refusal
    from .body_stream import BodyStream

__all__ = ["MAX_TASKS", "NDJSON", "Part", "is_ndjson", "json_parts", "ndjson_parts"]

NDJSON = "application/x-ndjson"
MAX_TASKS = 10_000
MAX_BATCH, MAX_BUFFERED = "API_MAX_BATCH", "API_MAX_BUFFERED"
_LINES = frozenset({NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_array = msgspec.json.Decoder(list[msgspec.Raw])

Part = bytes | ProblemError
"""A task's JSON, or what is wrong with it."""


def is_ndjson(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the body is NDJSON; if not, it should be JSON."""
    found = dict(headers)
    check_coding(found.get(b"content-encoding", b"").decode("latin-1"))
    media_type = found.get(b"content-type", b"").decode("latin-1")
    return media_type.partition(";")[0].strip().lower() in _LINES


async def json_parts(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, *, max_bytes: int,
    max_buffered: int, max_task_bytes: int,
) -> list[Part]:  # fmt: skip
    """Return the elements of a JSON array; raises ProblemError for anything else.

    An array is kept in memory as a whole, so that ``max_buffered`` is a limit of it too.
    """
    limit, name = min((max_bytes, MAX_BATCH), (max_buffered, MAX_BUFFERED))
    raw = await read_json_body(headers, receive, limit, name, (JSON, NDJSON))
    try:
        raw.decode()  # the decoder passes over what is in strings
        tasks = _array.decode(raw)
    except msgspec.ValidationError:
        errors = [FieldError("", "should be a JSON array of tasks")]
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-task", "The batch is no array.", errors=errors
        ) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise malformed_json(raw, error) from None
    if len(tasks) > MAX_TASKS:
        raise _too_many(" None of these is stored.")
    parts = map(bytes, tasks)
    return [p if len(p) <= max_task_bytes else too_large(max_task_bytes) for p in parts]


async def ndjson_parts(
    receive: Receive, stream: BodyStream, *, max_bytes: int, max_task_bytes: int
) -> AsyncIterator[list[Part]]:
    """Yield the lines that have come, empty ones left out; at most one line is held besides.

    A line over ``max_task_bytes`` is wrong by itself. Behind the last task that is allowed, behind
    ``max_bytes``, and if the connection refuses the rest, one part says so, and nothing more is
    read.
    """
    lines = _Lines(max_task_bytes)
    size = number = 0
    more = True
    while more:
        message = await stream.receive(receive, lines.held_bytes)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if stream.refusal is not None:
            yield [_cut_off(_refused(stream.refusal))]
            return
        more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        parts = lines.feed(chunk, last=not more)
        number += len(parts)
        stream.is_used = stream.is_used or bool(parts)
        if number > MAX_TASKS:
            yield [*parts[: MAX_TASKS - number], _cut_off(_too_many())]
            return
        if size > max_bytes:
            yield [*parts, _cut_off(too_large(max_bytes, MAX_BATCH))]
            return
        yield parts


class _Lines:
    """Splits what comes into lines, and holds no line that is too long."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = b""
        self._is_too_long = False
        """The line that has begun is, and the rest of it is thrown away."""

    @property
    def held_bytes(self) -> int:
        """The size of the line that has begun."""
        return len(self._held)

    def feed(self, chunk: bytes, *, last: bool) -> list[Part]:
        """Return the lines that are whole now."""
        *whole, rest = (self._held + chunk).split(b"\n")
        self._held = b""
        if last:
            whole.append(rest)
        elif len(rest) > self._max_bytes:
            self._is_too_long = True
        else:
            self._held = rest
        parts: list[Part] = []
        for line in whole:
            if self._is_too_long or len(line) > self._max_bytes:
                parts.append(too_large(self._max_bytes))
                self._is_too_long = False
            elif line and not line.isspace():
                parts.append(line)
        return parts


def _too_many(rest: str = "") -> ProblemError:
    detail = f"A batch holds at most {MAX_TASKS:,} tasks.{rest}"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "batch-too-large", detail)


def _refused(refusal: Refusal) -> ProblemError:
    return ProblemError(refusal.status, refusal.kind, refusal.detail, headers=refusal.headers)


def _cut_off(error: ProblemError) -> ProblemError:
    """Return the last line of the answer to lines that are not all read."""
    rest = "The lines before this one are answered above; this one and all behind it were not read."
    detail = f"{error.detail.rstrip('.')}. {rest}"
    return ProblemError(error.status, error.kind, detail, headers=error.headers)
