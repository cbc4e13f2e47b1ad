"""The routes of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from ..batch import PATH as BATCH
from ..models import (
    AttemptList,
    BatchItem,
    Filter,
    Replayed,
    TaskCreated,
    TaskPage,
    TaskRequest,
)
from ..models.tasks import EXISTS_ALREADY
from .answers import ProblemAnswer, answer, route
from .checks import read_task

if TYPE_CHECKING:
    from .fake import FakeQueue

__all__ = ["TaskRoutes"]

TASKS = "/api/v1/tasks"
TRACE_ID = "0" * 32
_encoder = msgspec.json.Encoder()


def _time(text: str | None) -> datetime | None:
    return None if text is None else msgspec.convert(text, datetime)


class TaskRoutes:
    """Send, look up, act."""

    def __init__(self, fake: FakeQueue) -> None:
        self._fake = fake

    @route("POST", TASKS)
    def send(self, request: httpx.Request) -> httpx.Response:
        """Keep a task."""
        task = read_task(request.content, request.headers.get("Idempotency-Key"))
        sent, new = self._fake.add(task)
        message = "Task created successfully" if new else EXISTS_ALREADY
        return answer(TaskCreated(sent.task_id, message, TRACE_ID), 201 if new else 200)

    @route("POST", BATCH)
    def send_batch(self, request: httpx.Request) -> httpx.Response:
        """Keep tasks, one a line."""
        lines = request.content.splitlines()
        items = [self._batch_item(index, line) for index, line in enumerate(lines)]
        return httpx.Response(200, content=_encoder.encode_lines(items))

    def _batch_item(self, index: int, line: bytes) -> BatchItem:
        try:
            sent, new = self._fake.add(read_task(line))
        except ProblemAnswer as error:
            return BatchItem(index=index, status=error.problem.status, problem=error.problem)
        return BatchItem(index=index, status=201 if new else 200, task_id=sent.task_id)

    @route("GET", TASKS)
    def list(self, request: httpx.Request) -> httpx.Response:
        """Find tasks."""
        query = request.url.params
        status = query.get("status_code")
        wanted = Filter(
            state=query.get("state"), lane=query.get("lane"), label=query.get_list("label"),
            url_prefix=query.get("url_prefix"), outcome=query.get("outcome"),
            status_code=None if status is None else int(status),
            created_after=_time(query.get("created_after")),
            created_before=_time(query.get("created_before")),
        )  # fmt: skip
        key = query.get("idempotency_key")
        found = [
            sent.status()
            for sent in self._fake.find(wanted)
            if key in {None, sent.task.idempotency_key}
        ]
        first, limit = int(query.get("cursor") or 0), int(query.get("limit") or 100)
        cursor = str(first + limit) if len(found) > first + limit else None
        return answer(TaskPage(found[first : first + limit], cursor, len(found)))

    @route("GET", TASKS + "/{}")
    def get(self, _: httpx.Request, task_id: str) -> httpx.Response:
        """Return a task with its request."""
        sent = self._fake.get(task_id)
        task, body = sent.task, sent.body
        text = body if body is None or isinstance(body, str) else _encoder.encode(body).decode()
        request = TaskRequest(
            task.url, task.method or "POST", task.headers or {}, text, task.body_base64
        )
        return answer(msgspec.structs.replace(sent.status(), request=request))

    @route("GET", TASKS + "/{}/attempts")
    def attempts(self, _: httpx.Request, task_id: str) -> httpx.Response:
        """Return a task's attempts."""
        return answer(AttemptList(self._fake.get(task_id).attempts))

    @route("DELETE", TASKS + "/{}")
    def cancel(self, _: httpx.Request, task_id: str) -> httpx.Response:
        """Cancel a task."""
        return answer(self._fake.act("cancel", task_id).status())

    @route("POST", TASKS + "/{}/run")
    def run(self, _: httpx.Request, task_id: str) -> httpx.Response:
        """Put a task at the front."""
        return answer(self._fake.act("run", task_id).status())

    @route("POST", TASKS + "/{}/replay")
    def replay(self, request: httpx.Request, task_id: str) -> httpx.Response:
        """Send a task again."""
        changes: dict[str, Any] = msgspec.json.decode(request.content) if request.content else {}
        new = self._fake.act("replay", task_id, **changes)
        return answer(Replayed(new.task_id, task_id, TRACE_ID), 201)

    @route("DELETE", "/api/v1/dead-letters/{}")
    def delete(self, _: httpx.Request, task_id: str) -> httpx.Response:
        """Delete a dead letter."""
        self._fake.act("delete", task_id)
        return answer(None)
