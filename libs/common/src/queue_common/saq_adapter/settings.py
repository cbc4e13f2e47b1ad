"""The settings for SAQ's command line: ``saq queue_common.saq_adapter.settings --web``."""

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

    Reads the same variables as API and worker. A bad value ends the process with exit code 2.
    """
    variables = load(_Settings)
    queue = SaqQueue(TaskQueue(redis=variables, queue=variables), variables.retry_policy())
    # No job is dequeued: the queue's own workers deliver.
    return {"queue": queue, "functions": [], "concurrency": 0}
