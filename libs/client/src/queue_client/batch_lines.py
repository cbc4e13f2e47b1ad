"""A task of a batch as the line that is sent.

A line that is JSON already is sent as it is: the API checks it and names what is wrong with it, and
nothing of it is lost on the way. Only the idempotency key is put into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import msgspec

from .models import BatchItem, FieldError, NewTask, Problem

__all__ = ["LineWriter", "TaskLike"]

TaskLike = Union[NewTask, Mapping[str, Any], bytes]  # noqa: UP007 - evaluated at run time
"""A task, its fields, or its line of NDJSON."""

BOM = b"\xef\xbb\xbf"
PROBLEM = "urn:queue-system:problem:"
_encoder = msgspec.json.Encoder()
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class LineWriter:
    """Writes tasks of one batch; what is no task becomes the answer that the API would give."""

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._key = b',"idempotency_key":' + _encoder.encode(f"{batch_id}-")[:-1]

    def write(self, task: TaskLike, index: int) -> bytes | BatchItem:
        """Return a task's line with an idempotency key, or why it has none."""
        try:
            if isinstance(task, bytes):
                return self._with_key(task.strip(), index)
            return self._encoded(task, index)
        except msgspec.ValidationError:
            return _refused(index, 422, "invalid-task", FieldError("", "should be a JSON object"))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _refused(index, 400, "malformed-json", FieldError("", f"is not JSON: {error}"))
        except (TypeError, ValueError) as error:
            return _refused(index, 422, "invalid-task", FieldError("", str(error)))

    def _with_key(self, line: bytes, index: int) -> bytes:
        plain = line[:2] == b'{"' and line[-1:] == b"}" and b"\n" not in line
        if not plain or b"task_id" in line or b"idempotency_key" in line:
            line = line.removeprefix(BOM)
            fields = _object_decoder.decode(line)
            if b"\n" in line:
                line = msgspec.json.format(line, indent=-1)
            if fields.keys() & {"idempotency_key", "task_id"}:
                return line
            if not fields:
                return b'{%b%d"}' % (self._key[1:], index)
        return line[:-1] + self._key + b'%d"}' % index

    def _encoded(self, given: NewTask | Mapping[str, Any], index: int) -> bytes:
        task = NewTask(**given) if isinstance(given, Mapping) else msgspec.structs.replace(given)
        if task.idempotency_key is None and task.task_id is None:
            task.idempotency_key = f"{self._batch_id}-{index}"
        return _encoder.encode(task)


def _refused(index: int, status: int, kind: str, error: FieldError) -> BatchItem:
    problem = Problem(PROBLEM + kind, "Invalid task", status, "The task has errors.", [error])
    return BatchItem(index=index, status=status, problem=problem)
