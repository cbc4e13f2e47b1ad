"""The settings of a run on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, SecretStr

from queue_common.egress import EgressSettings
from queue_common.metrics.settings import MetricsSettings
from queue_common.settings import RedisSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["StandaloneSettings", "child_environment"]


LOOPBACK = "127.0.0.0/8,::1"
METRICS_PORT = 9464
"""The default port of OpenTelemetry's Prometheus exporters."""


class StandaloneSettings(RedisSettings, MetricsSettings, EgressSettings):
    """Settings of `make run`. The processes read their own from the same environment."""

    egress_allow: str = LOOPBACK
    """EGRESS_ALLOW of API and worker. Default: services of this machine."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The API's port."""
    api_root_key: SecretStr | None = None
    """The API's root key, which the API checks itself."""
    api_root_key_file: Path | None = None
    """A file with the API's root key."""
    dashboard_port: Annotated[int, Field(ge=1, le=65535)] = 8081
    """The dashboard's port."""
    valkey_port: Annotated[int, Field(ge=1, le=65535)] = 16379
    """The embedded Valkey's port, on loopback. It differs from the default port of Redis."""
    data_dir: Path = Path(".data")
    """Directory of the embedded Valkey's data and of all logs."""

    @property
    def metrics_ports(self) -> dict[str, int]:
        """METRICS_PORT of each process; empty if METRICS_PORT is 0.

        The API gets the given port, or 9464, and the worker the next one.
        """
        if self.metrics_port == 0 and "metrics_port" in self.model_fields_set:
            return {}
        first = self.metrics_port or METRICS_PORT
        return {"api": first, "worker": first + 1}

    @property
    def brings_own_redis(self) -> bool:
        """Whether a variable names a Redis server to use instead of the embedded one."""
        return bool({"redis_addr", "redis_url", "redis_sentinels"} & self.model_fields_set)


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process' environment with some variables replaced."""
    return {**os.environ, **overrides}
