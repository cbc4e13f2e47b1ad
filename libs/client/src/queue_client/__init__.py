"""Client of Queue System: send HTTP requests later and reliably.

>>> from queue_client import QueueClient
>>> queue = QueueClient("http://localhost:8080")
>>> queue.send("https://example.com/hook", body={"order": 1}).task_id
"""

from . import errors, models
from .client import AsyncQueueClient, QueueClient
from .errors import *  # noqa: F403 - the whole tree
from .models import *  # noqa: F403
from .retrying import RetryPolicy

__all__ = ["AsyncQueueClient", "QueueClient", "RetryPolicy", *errors.__all__, *models.__all__]
