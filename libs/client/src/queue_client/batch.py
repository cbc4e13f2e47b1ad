"""A batch: any number of tasks in requests of a bounded size, none of them twice."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from .batch_lines import LineWriter, TaskLike
from .call import Call
from .errors import ApiError, error_of_problem
from .models import BatchItem
from .retrying import REFUSED
from .tracing import trace_headers

if TYPE_CHECKING:
    from .retrying import Tries

__all__ = ["IN_FLIGHT", "Batch", "Chunk", "TaskLike"]

PATH = "/api/v1/tasks/batch"
NDJSON = "application/x-ndjson"
CHUNK_SIZE = 1000
MAX_CHUNK_BYTES = 512 * 1024
IN_FLIGHT = 3
"""Requests at a time: while the API stores one, the next is read and made."""

_item_decoder = msgspec.json.Decoder(BatchItem)


class _BatchCall(Call[list[BatchItem]]):
    def content(self) -> bytes:
        return b"\n".join(self.body) + b"\n"

    def read(self, content: bytes) -> list[BatchItem]:
        return _item_decoder.decode_lines(content)


class Chunk:
    """Tasks of one request; what the API refuses for now stays to be sent again."""

    def __init__(self, first: int, lines: list[bytes | BatchItem]) -> None:
        numbered = [*enumerate(lines, first)]
        self._lines = {index: line for index, line in numbered if isinstance(line, bytes)}
        self.items = {index: line for index, line in numbered if isinstance(line, BatchItem)}
        self.headers = trace_headers()

    @property
    def waits(self) -> bool:
        """Whether there is something to be sent."""
        return bool(self._lines)

    def call(self) -> Call[list[BatchItem]]:
        """Return the request for what is not accepted yet."""
        return _BatchCall(
            "POST", PATH, list[BatchItem], body=[*self._lines.values()],
            headers={**self.headers, "Content-Type": NDJSON}, repeatable=True,
        )  # fmt: skip

    def take(self, items: list[BatchItem], tries: Tries) -> float | None:
        """Note the answers; return the seconds after which to send the rest, if there is one."""
        if len(items) != len(self._lines):
            msg = f"the API answered {len(items)} of {len(self._lines)} tasks"
            raise msgspec.DecodeError(msg)
        refused = None
        for index, item in zip([*self._lines], items, strict=True):
            # The item was made just now and nobody else has it: no copy is needed.
            msgspec.structs.force_setattr(item, "index", index)
            self.items[index] = item
            if item.status in REFUSED:
                refused = item
            else:
                del self._lines[index]
        return None if refused is None else _delay(tries, refused)

    def in_order(self) -> list[BatchItem]:
        """Return all answers, in the order of the tasks."""
        return [self.items[index] for index in sorted(self.items)]


class Batch:
    """Cuts tasks into chunks. Each task has an idempotency key made of the batch's id."""

    def __init__(self, batch_id: str | None, chunk_size: int | None) -> None:
        self.batch_id = batch_id or uuid.uuid4().hex
        self.settled = 0
        self._writer = LineWriter(self.batch_id)
        self._chunk_size = chunk_size or CHUNK_SIZE
        self._lines: list[bytes | BatchItem] = []
        self._bytes = 0
        self._next = 0

    def add(self, task: TaskLike) -> Chunk | None:
        """Take a task; return a chunk once one is full."""
        line = self._writer.write(task, self._next)
        self._next += 1
        self._lines.append(line)
        if isinstance(line, bytes):
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


def _delay(tries: Tries, refused: BatchItem) -> float | None:
    if refused.problem is None:
        return None
    error = error_of_problem(refused.problem)
    error.retry_after = refused.retry_after
    try:
        return tries.after_refusal(error)
    except ApiError:
        return None  # the items tell it
