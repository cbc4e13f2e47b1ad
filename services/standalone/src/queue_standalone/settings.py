"""The settings of a run on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from queue_common.egress import EgressSettings
from queue_common.metrics.settings import MetricsSettings
from queue_common.settings import RedisSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["StandaloneSettings", "child_environment"]


LOOPBACK = "127.0.0.0/8,::1"
METRICS_PORT = 9464
"""What OpenTelemetry's exporters for Prometheus take."""


class StandaloneSettings(RedisSettings, MetricsSettings, EgressSettings):
    """What `make run` reads itself; the parts read their own from the same environment."""

    egress_allow: str = LOOPBACK
    """For API and worker. Unlike theirs, it is this machine's own services by default."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The API's port."""
    dashboard_port: Annotated[int, Field(ge=1, le=65535)] = 8081
    """The dashboard's port."""
    valkey_port: Annotated[int, Field(ge=1, le=65535)] = 16379
    """The embedded Valkey's port, on loopback; another than a Redis of yours would have."""
    data_dir: Path = Path(".data")
    """Where the embedded Valkey's data and all logs are."""

    @property
    def metrics_ports(self) -> dict[str, int]:
        """The parts' METRICS_PORT: the one given, or 9464, for the API, the next for the worker.

        None if it is given as 0.
        """
        if self.metrics_port == 0 and "metrics_port" in self.model_fields_set:
            return {}
        first = self.metrics_port or METRICS_PORT
        return {"api": first, "worker": first + 1}

    @property
    def brings_own_redis(self) -> bool:
        """Say whether a variable names a server to use instead."""
        return bool({"redis_addr", "redis_url", "redis_sentinels"} & self.model_fields_set)


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process' environment with some variables set anew."""
    return {**os.environ, **overrides}
