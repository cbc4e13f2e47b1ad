"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue
    from queue_common.retry import RetryPolicy
    from queue_common.tracing.tracer import Tracing

    from .http.origin import AllowedHosts
    from .settings import ApiSettings

__all__ = ["AppContext"]


@dataclass(frozen=True, slots=True)
class AppContext:
    """At ``app.state.api``, and with the fast path."""

    settings: ApiSettings
    queue: TaskQueue
    policy: RetryPolicy
    tracing: Tracing
    allowed_hosts: AllowedHosts
