"""Follows one task to its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..failures import CommandError, describe
from ..output import note
from ..output.words import duration, when

if TYPE_CHECKING:
    from queue_client import QueueClient, TaskStatus

__all__ = ["follow"]

POLL_SECONDS = 0.1
MAX_POLL_SECONDS = 2.0


def follow(client: QueueClient, task_id: str, timeout: float | None) -> TaskStatus:
    """Wait for a task's end and tell of each attempt; what stops it names the task."""
    from queue_client import QueueClientError

    try:
        return _follow(client, task_id, timeout)
    except KeyboardInterrupt:
        note(f"it goes on: `queue tasks get {task_id}` tells how")
        raise
    except QueueClientError as error:
        sentence, code = describe(error)
        msg = f"{sentence}; task {task_id} is in the queue"
        raise CommandError(msg, code) from None


def _follow(client: QueueClient, task_id: str, timeout: float | None) -> TaskStatus:
    from queue_client import WaitTimeoutError

    end = None if timeout is None else time.monotonic() + timeout
    poll, told = POLL_SECONDS, 0
    while True:
        task = client.get_task(task_id)
        last = task.last_attempt
        if last is not None and last.number > told and not task.settled:
            told, poll = last.number, POLL_SECONDS
            what = last.status_code or last.outcome
            note(f"attempt {last.number}: {what} after {duration(last.duration_ms / 1000)}, "
                 f"next {when(task.next_attempt_at)}")  # fmt: skip
        if task.settled:
            return task
        if end is not None and time.monotonic() >= end:
            msg = f"task {task_id} is still {task.state} after {task.attempts} attempts"
            raise WaitTimeoutError(msg)
        time.sleep(poll)
        poll = min(poll * 1.5, MAX_POLL_SECONDS)
