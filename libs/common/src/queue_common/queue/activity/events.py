"""Events: what happens to tasks and lanes, told to those who watch."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog

from ...errors import QueueUnavailableError, UnreadableRecordError
from ...lanes import shown_url, split_lane
from ...retry import Dead, Done, RetryAt
from ...task import State
from ..storage.connection import translated
from ..storage.record import Record

if TYPE_CHECKING:
    from ...retry import Decision
    from ...task import Attempt, Task, TaskId
    from ..claim import Claim
    from ..storage.scripts import Argument, Scripts

__all__ = ["FRESH_SECONDS", "TTL_MS", "Death", "EventPublisher"]

MAX_KEPT: Final = 10_000
"""Events in Redis, about: those that a watcher can be told again."""
TTL_MS: Final = 600_000
MAX_BUFFERED: Final = 10_000
"""Events that wait in this process; the oldest are dropped."""
BATCH_SIZE: Final = 200
FRESH_SECONDS: Final = 0.2
"""How long this process believes that nobody watches."""

logger = structlog.stdlib.get_logger(__name__)
_encoder = msgspec.json.Encoder()


class Death(NamedTuple):
    """A task that died without a settlement: as poison, after its worker died."""

    task_id: TaskId
    lane: str
    task: Task
    attempt: Attempt
    attempts: int
    """Attempts that ended."""
    interrupted: int
    """Attempts that its workers' deaths interrupted."""


class EventPublisher:
    """Publishes a process' events while somebody watches.

    It asks Redis if somebody does, at most 5 times a second and only if something happens. Events
    are told after the move that they are about: a process that is killed in between tells nothing.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._buffer: deque[dict[str, Any]] = deque(maxlen=MAX_BUFFERED)
        self._unwatched_until = 0.0
        self._sending: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether somebody watches, or may."""
        return time.monotonic() >= self._unwatched_until

    def look_again(self) -> None:
        """Believe nothing any more: somebody in this process watches."""
        self._unwatched_until = 0.0

    def accepted(self, task_id: Argument, raw: Argument) -> None:
        """Tell of a new task; ``raw`` is its record."""
        with suppress(UnreadableRecordError):
            assert isinstance(task_id, bytes)  # noqa: S101 - EnqueueBatcher's, or Redis'
            assert isinstance(raw, bytes)  # noqa: S101
            record = Record.unpack(raw)
            task = record.task()
            delay_ms = task.options.delay_ms if task.options else 0
            state = State.SCHEDULED if delay_ms else State.QUEUED
            self.tell(
                "task.accepted", record.lane, task_id=task_id.decode(), state=state,
                task=task, next_at_ms=task.accepted_at_ms + delay_ms,
            )  # fmt: skip

    def settled(
        self, claim: Claim, attempt: Attempt, decision: Decision, *, cancelled: bool
    ) -> None:
        """Tell of an attempt's end."""
        next_at_ms = None
        if cancelled:
            kind, state = "task.cancelled", State.CANCELLED
        elif isinstance(decision, Done):
            kind, state = "task.delivered", State.DELIVERED
        elif isinstance(decision, Dead):
            kind, state = "task.dead", State.DEAD
        else:
            assert isinstance(decision, RetryAt)  # noqa: S101 - there is no other
            kind, state, next_at_ms = "attempt.failed", State.SCHEDULED, decision.due_at_ms
        self.tell(
            kind, claim.lane, task_id=claim.task_id, state=state, task=claim.task,
            attempt=attempt, next_at_ms=next_at_ms,
        )  # fmt: skip

    def died(self, death: Death) -> None:
        """Tell of a task that died without a settlement."""
        self.tell(
            "task.dead", death.lane, task_id=death.task_id, state=State.DEAD, task=death.task,
            attempt=death.attempt,
        )  # fmt: skip

    def tell(
        self, kind: str, lane: str, *, task_id: str | None = None, state: State | None = None,
        task: Task | None = None, attempt: Attempt | None = None, next_at_ms: int | None = None,
        count: int | None = None,
    ) -> None:  # fmt: skip
        """Tell of something that has happened; ``count``: to how many tasks."""
        project, own_lane = split_lane(lane)
        labels = task.options.labels if task and task.options else None
        self._buffer.append({
            "type": kind, "at_ms": round(time.time() * 1000), "project": project,
            "task_id": task_id, "lane": own_lane, "state": state,
            "attempt": attempt.number if attempt else None,
            "outcome": attempt.outcome if attempt else None,
            "status_code": attempt.status_code if attempt else None,
            "duration_ms": attempt.duration_ms if attempt else None,
            "next_at_ms": next_at_ms, "url": shown_url(task.url) if task else None,
            "labels": labels or {}, **({} if count is None else {"count": count}),
        })  # fmt: skip
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._buffer:
                batch = [self._buffer.popleft() for _ in range(min(len(self._buffer), BATCH_SIZE))]
                # Somebody may begin to watch before the reply is read, however late that is.
                asked_at, older = time.monotonic(), len(self._buffer)
                with translated():
                    watched = await self._scripts.run(
                        "publish_events", MAX_KEPT, TTL_MS, *map(_encoder.encode, batch)
                    )
                if not watched:
                    self._unwatched_until = asked_at + FRESH_SECONDS
                    for _ in range(min(older, len(self._buffer))):
                        self._buffer.popleft()
        except QueueUnavailableError as error:
            self._buffer.clear()
            logger.debug("events.lost", reason=str(error))

    async def close(self) -> None:
        """Send what is left."""
        if self._sending is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._sending
