"""The API's settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import ByteSize, Field

from queue_common.settings import LogSettings, QueueSettings, RedisSettings, RetrySettings
from queue_common.telemetry.metrics_settings import MetricsSettings
from queue_common.telemetry.trace_settings import TraceSettings

__all__ = ["ApiSettings"]


class ApiSettings(
    LogSettings, RedisSettings, QueueSettings, RetrySettings, TraceSettings, MetricsSettings
):
    """All variables the API reads."""

    api_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; ``::``: all of this machine's."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The port to listen on."""
    api_max_body: Annotated[ByteSize, Field(ge=1)] = ByteSize(1 << 20)
    """The largest body of a request that is read, such as ``1MiB`` or ``65536``."""
