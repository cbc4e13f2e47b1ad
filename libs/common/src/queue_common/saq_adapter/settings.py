"""What SAQ's command line starts from: ``saq queue_common.saq_adapter.settings --web``."""

from __future__ import annotations

from typing import Any

from ..queue import TaskQueue
from ..settings import QueueSettings, RedisSettings, RetrySettings, load
from .queue import SaqQueue

__all__ = ["settings"]


class _Settings(RedisSettings, QueueSettings, RetrySettings):
    pass


def settings() -> dict[str, Any]:
    """Return SAQ's settings for a process that shows the queue and claims nothing.

    Reads the variables that API and worker read; a bad value ends the process with exit code 2.
    """
    variables = load(_Settings)
    queue = SaqQueue(TaskQueue(variables, variables), variables.retry_policy())
    # No job is dequeued: the queue's own workers deliver.
    return {"queue": queue, "functions": [], "concurrency": 0}
