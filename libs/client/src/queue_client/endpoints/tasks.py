"""Tasks: send, look up, search, act."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, ParamSpec, cast

from msgspec import UNSET, UnsetType

from ..call import Call, Endpoint, Pages, delete, get, post
from ..models import (
    AttemptList,
    NewTask,
    Replayed,
    Retry,
    RetryPreview,
    TaskCreated,
    TaskPage,
    TaskStatus,
)
from ..tracing import trace_headers

__all__ = ["TaskEndpoints"]

P = ParamSpec("P")
TASKS = "/api/v1/tasks"
TASK = TASKS + "/{task_id}"


class _Send(Endpoint[P, TaskCreated]):
    """A method with the parameters of ``NewTask``."""

    def __init__(self, make: Callable[P, NewTask]) -> None:
        super().__init__("POST", TASKS, cast("Any", make))
        self._make = make

    def build(self, *args: P.args, **kwargs: P.kwargs) -> Call[TaskCreated]:
        """Return the call; it has one idempotency key for all its tries, in the body if need be."""
        task = self._make(*args, **kwargs)
        headers = trace_headers()
        key = task.idempotency_key or uuid.uuid4().hex
        if key.isascii() and key.isprintable() and " " not in key:  # what the header may have
            headers["Idempotency-Key"] = key
            task.idempotency_key = None
        return Call("POST", TASKS, TaskCreated, body=task, headers=headers, repeatable=True)


class TaskEndpoints:
    """What can be done with tasks one by one."""

    send = _Send(NewTask)
    """Send a task; it is durable when this returns. Takes what ``NewTask`` takes."""

    @get(TASK)
    def get_task(self, task_id: str) -> TaskStatus:
        """Return a task; with the scope ``manage`` its request too."""

    @get(TASKS)
    def list_tasks(
        self, *, state: str | None = None, lane: str | None = None,
        label: str | list[str] | None = None, url_prefix: str | None = None,
        outcome: str | None = None, status_code: int | None = None,
        created_after: datetime | None = None, created_before: datetime | None = None,
        idempotency_key: str | None = None, cursor: str | None = None, limit: int | None = None,
    ) -> TaskPage:  # fmt: skip
        """Return a page of tasks; ``label`` is ``key:value``, several must all hold.

        A search looks at a bounded number of tasks a call: a page may be empty and still have a
        cursor.
        """

    iter_tasks = Pages(list_tasks)

    @get(TASK + "/attempts")
    def list_attempts(self, task_id: str) -> AttemptList:
        """Return the last attempts of a task, the newest last."""

    @delete(TASK)
    def cancel_task(self, task_id: str) -> TaskStatus:
        """Cancel a task; one that is active ends with its attempt."""

    @post(TASK + "/run", repeatable=True)
    def run_task(self, task_id: str) -> TaskStatus:
        """Put a scheduled or dead task at the front of its lane."""

    @post(TASK + "/replay")
    def replay_task(
        self, task_id: str, *, url: str | UnsetType = UNSET, method: str | UnsetType = UNSET,
        headers: dict[str, str] | UnsetType = UNSET, body: Any = UNSET,
        body_base64: str | UnsetType = UNSET, idempotency_key: str | None = None,
    ) -> Replayed:  # fmt: skip
        """Send a task's request again as a new task, with what is given in the place of the old."""

    @post("/api/v1/retry-preview", repeatable=True)
    def preview_retry(
        self, *, retry: Retry, count: int | UnsetType = UNSET, start: datetime | UnsetType = UNSET
    ) -> RetryPreview:
        """Return when the attempts of a retry policy would be made."""
