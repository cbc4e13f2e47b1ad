"""Where the processes' metrics can be had."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..settings import Settings

__all__ = ["MetricsSettings"]


class MetricsSettings(Settings):
    """What serves and sends metrics."""

    metrics_host: Annotated[str, Field(min_length=1)] = "0.0.0.0"  # noqa: S104 - a server in a container
    """The address that METRICS_PORT is opened on."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port of /metrics, /health and /ready, the API's /backlog too; 0: none."""
