"""A queue in memory: what was sent, and what is to become of it."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from ..client import AsyncQueueClient, QueueClient
from ..errors import NotFoundError
from ..models import Attempt, CallbackView, Filter, NewTask, Problem, TaskStatus
from ..models.tasks import SETTLED
from .answers import PROBLEM, ProblemAnswer
from .due import first_due, next_due
from .filters import matches
from .install import install
from .transport import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

__all__ = ["FakeQueue", "SentTask"]

URL = "http://fake-queue"
WAITING = {"queued", "scheduled"}
ALLOWED = {
    "cancel": {*WAITING, "active", "cancelled"},
    "run": {*WAITING, "active", "dead", "delivered"},
    "replay": {"dead", "delivered", "cancelled"},
    "delete": {"dead"},
}
"""The states in which an action is possible."""


@dataclass
class SentTask:
    """A task as the queue has it."""

    task_id: str
    task: NewTask
    """As the client sent it."""
    state: str = "queued"
    created_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    finished_at: datetime | None = None
    next_attempt_at: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)
    replay_of: str | None = None
    replays: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The destination, with its query."""
        return self.task.url

    @property
    def body(self) -> Any:
        """The body as it was given: text or JSON; bytes are in ``task.body_base64``."""
        return None if self.task.body is msgspec.UNSET else self.task.body

    @property
    def labels(self) -> dict[str, str]:
        """The task's labels."""
        return self.task.labels or {}

    @property
    def lane(self) -> str:
        """The lane that was named, else the destination's host and port."""
        parts = urlsplit(self.task.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self.task.lane or f"{parts.hostname}:{port}"

    def status(self) -> TaskStatus:
        """Return what the API would tell."""
        callback = self.task.callback
        return TaskStatus(
            id=self.task_id, state=self.state, lane=self.lane, attempts=len(self.attempts),
            url=self.task.url.partition("?")[0], method=self.task.method or "POST",
            last_attempt=self.attempts[-1] if self.attempts else None, labels=self.labels,
            created_at=self.created_at, finished_at=self.finished_at,
            next_attempt_at=self.next_attempt_at,
            deadline_at=self.created_at + timedelta(days=1), success=self.task.success,
            callback=CallbackView(callback.url, callback.on or []) if callback else None,
            idempotency_key=self.task.idempotency_key, replay_of=self.replay_of,
            replays=self.replays[-5:],
        )  # fmt: skip


class FakeQueue:
    """The API without a server. No request is made; a test says how each task ends.

    >>> fake = FakeQueue()
    >>> fake.client().send("https://example.com/hook", body={"order": 1})
    >>> fake.sent[0].body
    {'order': 1}
    """

    def __init__(self) -> None:
        self.tasks: dict[str, SentTask] = {}
        """All tasks, in the order in which they were sent."""
        self.paused: set[str] = set()
        """The lanes that are paused."""
        self.limits: dict[str, dict[str, Any]] = {}
        """What lanes are limited to."""
        self._keys: dict[str, str] = {}
        self._refusals: list[ProblemAnswer] = []
        self._transport = FakeTransport(self)

    @property
    def sent(self) -> list[SentTask]:
        """All tasks, in the order in which they were sent."""
        return [*self.tasks.values()]

    def client(self, **options: Any) -> QueueClient:
        """Return a client of this queue."""
        return QueueClient(URL, transport=self._transport, **options)

    def async_client(self, **options: Any) -> AsyncQueueClient:
        """Return a client of this queue, on asyncio."""
        return AsyncQueueClient(URL, transport=self._transport, **options)

    @contextmanager
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Have all clients talk to this queue within the context, those made before it too.

        None reaches the network. Those of another fake, or of ``httpx.MockTransport``, keep theirs.
        """
        with monkeypatch.context() as patch:
            install(patch, self._transport)
            yield

    def deliver(self, task_id: str, status_code: int = 200) -> TaskStatus:
        """Let a task be delivered."""
        return self._end(task_id, "delivered", "delivered", status_code)

    def deliver_all(self) -> None:
        """Let all tasks be delivered that are not settled."""
        for sent in self.sent:
            if sent.state not in SETTLED:
                self.deliver(sent.task_id)

    def fail(self, task_id: str, status_code: int | None = 500) -> TaskStatus:
        """Let an attempt fail; the task waits for the next one."""
        return self._end(task_id, "scheduled", "http_error", status_code)

    def kill(self, task_id: str, status_code: int | None = 500) -> TaskStatus:
        """Let a task fail for the last time."""
        return self._end(task_id, "dead", "http_error", status_code)

    def refuse(self, status: int, kind: str, *, retry_after: float | None = None) -> None:
        """Let the next request be refused; called twice: the next two."""
        problem = Problem(f"{PROBLEM}{kind}", kind, status, f"the test says {kind}")
        self._refusals.append(ProblemAnswer(problem, retry_after))

    def answers(self, method: str, path: str) -> bool:
        """Whether the fake has this part of the API."""
        return self._transport.find(method, path) is not None

    def next_refusal(self) -> ProblemAnswer | None:
        """Take the refusal that is due; for the transport."""
        return self._refusals.pop(0) if self._refusals else None

    def add(self, task: NewTask, *, replay_of: str | None = None) -> tuple[SentTask, bool]:
        """Keep a task; False: it was there already."""
        known = self._keys.get(task.idempotency_key or "") or task.task_id
        if known in self.tasks:
            return self._same(self.tasks[known], task), False
        sent = SentTask(task.task_id or str(uuid.uuid4()), task, replay_of=replay_of)
        sent.next_attempt_at = first_due(task, sent.created_at)
        if sent.next_attempt_at is not None:
            sent.state = "scheduled"
        self.tasks[sent.task_id] = sent
        if task.idempotency_key:
            self._keys[task.idempotency_key] = sent.task_id
        return sent, True

    def get(self, task_id: str) -> SentTask:
        """Return a task; raises NotFoundError."""
        if task_id not in self.tasks:
            detail = f"no task has the id {task_id}"
            problem = Problem(f"{PROBLEM}unknown-task", "Unknown task", 404, detail)
            raise NotFoundError(problem)
        return self.tasks[task_id]

    def find(self, wanted: Filter) -> Iterator[SentTask]:
        """Yield the tasks that all conditions hold for."""
        for sent in self.sent:
            if matches(sent, wanted):
                yield sent

    def act(self, action: str, task_id: str, **changes: Any) -> SentTask:
        """Cancel, run, replay or delete a task; raises ProblemAnswer if its state forbids it."""
        sent = self.get(task_id)
        if sent.state not in ALLOWED[action]:
            detail = f"the task is {sent.state}: {action} is not possible"
            problem = Problem(f"{PROBLEM}wrong-state", "Wrong state", 409, detail)
            raise ProblemAnswer(problem)
        if action == "replay":
            return self._replay(sent, changes)
        if action == "delete":
            del self.tasks[task_id]
        elif sent.state != "delivered":
            sent.state = "cancelled" if action == "cancel" else "queued"
            sent.next_attempt_at = None
        return sent

    def _replay(self, sent: SentTask, changes: dict[str, Any]) -> SentTask:
        fresh = {"task_id": None, "idempotency_key": None, "delay": None, "schedule_at": None}
        task = msgspec.structs.replace(sent.task, **fresh, **changes)
        new, _ = self.add(task, replay_of=sent.task_id)
        sent.replays.append(new.task_id)
        return new

    @staticmethod
    def _same(known: SentTask, task: NewTask) -> SentTask:
        if msgspec.json.encode(known.task) != msgspec.json.encode(task):
            kind, status = ("conflict", 409) if task.task_id else ("idempotency-conflict", 422)
            raise ProblemAnswer(Problem(f"{PROBLEM}{kind}", kind, status))
        return known

    def _end(self, task_id: str, state: str, outcome: str, status: int | None) -> TaskStatus:
        sent = self.get(task_id)
        now = datetime.now(timezone.utc)
        sent.attempts.append(
            Attempt(number=len(sent.attempts) + 1, started_at=now, duration_ms=1.0,
                    outcome=outcome, status_code=status)
        )  # fmt: skip
        sent.state = state
        sent.finished_at = now if state in SETTLED else None
        sent.next_attempt_at = next_due(sent.task, now) if state == "scheduled" else None
        return sent.status()
