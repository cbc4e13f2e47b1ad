"""A SAQ-compatible queue: SAQ's worker, hooks, cron jobs, command line and web page run on it.

``SaqQueue`` in ``queue`` is a ``saq.Queue`` that has a ``TaskQueue``. ``dequeue`` hands claims to
SAQ's workers and settles them, ``jobs`` converts records to jobs, and ``settings`` is for SAQ's
command line. The README of this package lists the differences from SAQ's ``RedisQueue``.
"""

from .jobs import is_job, job_to_run
from .queue import SaqQueue
from .settings import settings

__all__ = ["SaqQueue", "is_job", "job_to_run", "settings"]
