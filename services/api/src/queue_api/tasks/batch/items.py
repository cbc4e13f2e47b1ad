"""The tasks of a batch on their way to Redis, and a line of the answer for each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from queue_common.errors import QueueUnavailableError
from queue_common.lanes import DEFAULT_PROJECT
from queue_common.logs import events
from queue_common.task import new_task_id

from ...problems import RETRY_AFTER_SECONDS, ProblemError, document_of, translate
from ..manage.status import trace_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queue_common.queue import Stored
    from queue_common.task import Task, TaskId

    from ...app_context import AppContext
    from ...auth import Principal
    from ..routes import CreateTask
    from ..trace import RequestTrace, SendTraces
    from .reader import Part

__all__ = ["MAX_ERRORS_PER_TASK", "Batch"]

MAX_ERRORS_PER_TASK = 5
"""More are not listed, so that an answer stays in proportion."""
CREATED, EXISTS = 201, 200
_encoder = msgspec.json.Encoder()


class _Item(msgspec.Struct, gc=False):
    """A task that waits for Redis."""

    index: int
    task_id: TaskId
    trace: RequestTrace
    task: Task
    names_id: bool
    stored: asyncio.Future[Stored]

    @property
    def first(self) -> TaskId | None:
        """The id of the task that was there before; None if this one is new, or not stored."""
        if self.stored.exception() is not None:
            return None
        stored = self.stored.result()
        if isinstance(stored, str):
            return stored
        return self.task_id if self.names_id and not stored else None


class Batch:
    """Submits tasks, and writes their answers in their order.

    While Redis stores what was submitted last, the next parts are read; what comes behind them is
    not taken.
    """

    def __init__(
        self, create_task: CreateTask, context: AppContext, principal: Principal,
        traces: SendTraces, idempotency_key: str | None = None,
    ) -> None:  # fmt: skip
        """Derive from ``idempotency_key`` a key for each task that has none of its own."""
        self._key = idempotency_key
        self._create_task = create_task
        self._queue = context.queue
        self._authenticator = context.authenticator
        self._principal = principal
        self._traces = traces
        self._pending: list[_Item | bytes] = []
        self._number = 0
        self._outage: ProblemError | None = None
        self._outage_ends = 0.0
        self.lines: list[bytes] = []
        """The answers so far, each a JSON object."""
        self.statuses: Counter[int] = Counter()

    async def add(self, parts: Sequence[Part]) -> None:
        """Submit parts; return when what was submitted before them is stored.

        A body may take minutes to come: parts that come after the key's end are refused.
        """
        try:
            self._authenticator.check_valid(self._principal)
        except ProblemError as error:
            parts = [error] * len(parts)
        before, self._pending = self._pending, [self._submit(part) for part in parts]
        await self._finish(before)

    async def end(self) -> None:
        """Return when all is stored."""
        before, self._pending = self._pending, []
        await self._finish(before)

    def _submit(self, part: Part) -> _Item | bytes:
        index = self._number
        self._number += 1
        if isinstance(part, ProblemError):
            return self._problem(index, part)
        trace = self._traces.begin()
        try:
            key = None if self._key is None else f"{self._key}:{index}"
            task, own_id = self._create_task.admit_task(
                part, trace.send, self._principal, fallback_key=key
            )
        except Exception as error:
            return self._problem(index, translate(error))
        if self._outage is not None and time.monotonic() < self._outage_ends:
            return self._problem(index, self._outage)
        task_id = own_id or new_task_id()
        trace.sending()
        stored = self._queue.submission(task_id, task)
        return _Item(index, task_id, trace, task, own_id is not None, stored)

    async def _finish(self, items: list[_Item | bytes]) -> None:
        waiting = [item.stored for item in items if not isinstance(item, bytes)]
        if waiting:
            await asyncio.wait(waiting)
            self._note_outage([stored.exception() for stored in waiting])
        traces = await self._first_traces(items)
        self.lines += [
            item if isinstance(item, bytes) else self._line(item, traces) for item in items
        ]

    def _note_outage(self, errors: Sequence[BaseException | None]) -> None:
        """Submit no more for a while if Redis has taken none of these tasks.

        If it hangs, each chunk would wait for its own time limit.
        """
        first = errors[0]
        if isinstance(first, QueueUnavailableError) and all(
            isinstance(error, QueueUnavailableError) for error in errors
        ):
            self._outage = translate(first)
            self._outage_ends = time.monotonic() + RETRY_AFTER_SECONDS

    async def _first_traces(self, items: list[_Item | bytes]) -> dict[str, str]:
        """Return the trace ids of the tasks that were there before, by their ids."""
        ids = [first for item in items if isinstance(item, _Item) and (first := item.first)]
        if not ids:
            return {}
        with suppress(QueueUnavailableError):
            views, _ = await self._queue.reader.search.views(ids)
            found = {view.id: trace_id_of(view.task) for view in views if view is not None}
            return {task_id: trace_id for task_id, trace_id in found.items() if trace_id}
        return {}

    def _line(self, item: _Item, traces: Mapping[str, str]) -> bytes:
        if (failure := item.stored.exception()) is not None:
            error = _as_exception(failure)
            item.trace.sent(item.task_id, item.task, error)
            return self._problem(item.index, translate(error))
        first = item.first
        item.trace.sent(first or item.task_id, item.task)
        status = CREATED if first is None else EXISTS
        self.statuses[status] += 1
        line = f'{{"index":{item.index},"status":{status},"task_id":"{first or item.task_id}"'
        trace_id = item.trace.send.trace_id if first is None else traces.get(first)
        return (line + (f',"trace_id":"{trace_id}"}}' if trace_id else "}")).encode()

    def _problem(self, index: int, error: ProblemError) -> bytes:
        self.statuses[int(error.status)] += 1
        document = document_of(error)
        document = msgspec.structs.replace(document, errors=document.errors[:MAX_ERRORS_PER_TASK])
        line = {"index": index, "status": int(error.status), "problem": document}
        if (seconds := error.headers.get("Retry-After")) is not None:
            line["retry_after"] = int(seconds)
        return _encoder.encode(line)

    def log_fields(self) -> dict[str, object]:
        """Return what the batch's log line tells."""
        fields: dict[str, object] = {
            "tasks": self._number,
            "created": self.statuses[CREATED],
            "existed": self.statuses[EXISTS],
        }  # fmt: skip
        if self._principal.project != DEFAULT_PROJECT:
            fields[events.PROJECT] = self._principal.project
        return fields


def _as_exception(error: BaseException) -> Exception:
    # A future that was cancelled from outside ends the request.
    if isinstance(error, Exception):
        return error
    raise error
