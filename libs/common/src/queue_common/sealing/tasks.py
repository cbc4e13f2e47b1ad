"""What of a task is sealed: headers, body, the URL's query, and the headers of its callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..errors import UnreadableRecordError
from ..task import Task, TaskId

if TYPE_CHECKING:
    from .sealer import Sealer

__all__ = ["open_task", "seal_task"]


class _Sealed(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The parts that are sealed, as one MessagePack array. New ones are added with a default."""

    headers: dict[str, str]
    body: bytes | None
    query: str | None
    """With its question mark; None: the URL has none."""
    callback_headers: dict[str, str] | None = None
    callback_query: str | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Sealed)


def seal_task(sealer: Sealer, task_id: TaskId, task: Task) -> Task:
    """Return the task with headers, body and query sealed for this id alone."""
    url, mark, query = task.url.partition("?")
    callback_headers, callback_query, options = None, None, task.options
    if options is not None and options.callback is not None:
        callback = options.callback
        callback_headers = callback.headers
        callback_url, callback_mark, rest = callback.url.partition("?")
        callback_query = callback_mark + rest or None
        shown = msgspec.structs.replace(callback, url=callback_url, headers={})
        options = msgspec.structs.replace(options, callback=shown)
    parts = _Sealed(
        task.headers, task.body, mark + query or None, callback_headers or None, callback_query
    )
    sealed = sealer.seal(_encoder.encode(parts), task_id.encode())
    return msgspec.structs.replace(
        task, url=url, headers={}, body=None, options=options, sealed=sealed
    )


def open_task(sealer: Sealer, task_id: TaskId, task: Task) -> Task:
    """Return the task as it was sent; raises UnreadableRecordError without its key."""
    if task.sealed is None:
        return task
    try:
        parts = _decoder.decode(sealer.open(task.sealed, task_id.encode()))
    except msgspec.DecodeError as error:
        msg = f"what is sealed of the task cannot be read: {error}"
        raise UnreadableRecordError(msg) from error
    options = task.options
    if options is not None and options.callback is not None:
        callback = options.callback
        whole = msgspec.structs.replace(
            callback,
            url=callback.url + (parts.callback_query or ""),
            headers=parts.callback_headers or callback.headers,
        )
        options = msgspec.structs.replace(options, callback=whole)
    return msgspec.structs.replace(
        task, url=task.url + (parts.query or ""), headers=parts.headers, body=parts.body,
        options=options, sealed=None,
    )  # fmt: skip
