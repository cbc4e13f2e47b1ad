"""The queue as SAQ sees it: SAQ's worker, hooks, cron jobs, command line and web page run on it.

``queue`` has ``SaqQueue``, a ``saq.Queue`` that has a ``TaskQueue``; ``dequeue`` hands claims to
SAQ's workers and settles them; ``jobs`` turns records into jobs; ``settings`` is what SAQ's
command line starts from. The README of this package lists what differs from SAQ's ``RedisQueue``.
"""

from .jobs import is_job, job_to_run
from .queue import SaqQueue
from .settings import settings

__all__ = ["SaqQueue", "is_job", "job_to_run", "settings"]
