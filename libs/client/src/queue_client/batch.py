"""A batch: any number of tasks in requests of a bounded size, none of them twice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Union

import msgspec

from .call import Call
from .models import BatchItem, NewTask
from .retrying import REFUSED
from .tracing import trace_headers

__all__ = ["Batch", "Chunk", "TaskLike"]

PATH = "/api/v1/tasks/batch"
NDJSON = "application/x-ndjson"
CHUNK_SIZE = 1000
MAX_CHUNK_BYTES = 512 * 1024

TaskLike = Union[NewTask, Mapping[str, Any], bytes]  # noqa: UP007 - evaluated at run time
"""A task, its fields, or its line of NDJSON."""

_encoder = msgspec.json.Encoder()
_task_decoder = msgspec.json.Decoder(NewTask)
_item_decoder = msgspec.json.Decoder(BatchItem)


class _BatchCall(Call[list[BatchItem]]):
    def content(self) -> bytes:
        return b"\n".join(self.body) + b"\n"

    def read(self, content: bytes) -> list[BatchItem]:
        return _item_decoder.decode_lines(content)


class Chunk:
    """Tasks of one request; what the API refuses for now stays to be sent again."""

    def __init__(self, first: int, lines: list[bytes]) -> None:
        self._lines = dict(enumerate(lines, first))
        self.items: dict[int, BatchItem] = {}
        self.headers = trace_headers()

    def call(self) -> Call[list[BatchItem]]:
        """Return the request for what is not accepted yet."""
        return _BatchCall(
            "POST", PATH, list[BatchItem], body=[*self._lines.values()],
            headers={**self.headers, "Content-Type": NDJSON}, repeatable=True,
        )  # fmt: skip

    def take(self, items: list[BatchItem]) -> BatchItem | None:
        """Note the answers; return one that says to come again, if there is one."""
        if len(items) != len(self._lines):
            msg = f"the API answered {len(items)} of {len(self._lines)} tasks"
            raise msgspec.DecodeError(msg)
        refused = None
        for index, item in zip([*self._lines], items, strict=True):
            self.items[index] = msgspec.structs.replace(item, index=index)
            if item.status in REFUSED:
                refused = item
            else:
                del self._lines[index]
        return refused

    def in_order(self) -> list[BatchItem]:
        """Return all answers, in the order of the tasks."""
        return [self.items[index] for index in sorted(self.items)]


class Batch:
    """Cuts tasks into chunks. Each task has an idempotency key made of the batch's id."""

    def __init__(self, batch_id: str | None, chunk_size: int | None) -> None:
        self.batch_id = batch_id or uuid.uuid4().hex
        self.settled = 0
        self._chunk_size = chunk_size or CHUNK_SIZE
        self._lines: list[bytes] = []
        self._bytes = 0
        self._next = 0

    def add(self, task: TaskLike) -> Chunk | None:
        """Take a task; return a chunk once one is full."""
        line = self._encode(task)
        self._lines.append(line)
        self._bytes += len(line)
        full = len(self._lines) >= self._chunk_size or self._bytes >= MAX_CHUNK_BYTES
        return self.rest() if full else None

    def rest(self) -> Chunk | None:
        """Return the chunk of the tasks that wait; None if there are none."""
        if not self._lines:
            return None
        chunk = Chunk(self._next - len(self._lines), self._lines)
        self._lines, self._bytes = [], 0
        return chunk

    def _encode(self, given: TaskLike) -> bytes:
        if isinstance(given, bytes):
            task = _task_decoder.decode(given)
        elif isinstance(given, NewTask):
            task = msgspec.structs.replace(given)
        else:
            task = NewTask(**given)
        if task.idempotency_key is None and task.task_id is None:
            task.idempotency_key = f"{self.batch_id}-{self._next}"
        self._next += 1
        return _encoder.encode(task)
