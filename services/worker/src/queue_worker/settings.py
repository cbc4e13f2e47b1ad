"""The worker's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ImportString

from queue_common.metrics.settings import MetricsSettings
from queue_common.settings import (
    Duration,
    LogSettings,
    QueueSettings,
    RedisSettings,
    RetrySettings,
    Size,
)
from queue_common.signing import SigningSettings
from queue_common.tracing.settings import TraceSettings

from .hooks import read_hooks
from .memory import bytes_in_flight
from .transport import DeliverySettings

__all__ = ["WorkerSettings"]


class WorkerSettings(
    LogSettings,
    DeliverySettings,
    RedisSettings,
    QueueSettings,
    RetrySettings,
    TraceSettings,
    MetricsSettings,
    SigningSettings,
):
    """All variables the worker reads."""

    worker_concurrency: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Number that this worker adds to the requests that a lane may have in flight."""
    worker_max_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Max requests that this worker has in flight, over all lanes."""
    worker_max_in_flight_bytes: Annotated[Size | None, Field(ge=1 << 20)] = None
    """Max bytes of tasks that this worker has in flight; None: derived from its memory."""
    worker_request_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=30)
    """Time limit of an attempt: connect, send and response together."""
    worker_drain_timeout: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(seconds=35)
    """How long a stopping worker waits for attempts in flight; it then releases the others."""
    attempt_history: bool = True
    """Whether a task's last 20 attempts are kept, with phases, address and response."""
    worker_hooks: Annotated[
        ImportString[Any], AfterValidator(read_hooks), Field(default_factory=dict)
    ]
    """``package.module:object`` with SAQ's ``startup``, ``shutdown``, ``before_process``,
    ``after_process``, ``functions`` or ``cron_jobs``."""

    def max_bytes(self) -> int:
        """Return how many bytes of tasks may be in flight."""
        return self.worker_max_in_flight_bytes or bytes_in_flight()

    def max_on_trial(self) -> int:
        """Return the max requests in flight to destinations that have not responded yet."""
        return max(self.worker_max_in_flight // 2, 1)
