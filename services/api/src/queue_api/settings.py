"""The API's settings."""

from __future__ import annotations

import re
from typing import Annotated, Self

import structlog
from pydantic import AfterValidator, ByteSize, Field, model_validator

from queue_common.egress import EgressSettings
from queue_common.metrics.settings import MetricsSettings
from queue_common.queue import MAX_WAITING_BYTES
from queue_common.settings import LogSettings, QueueSettings, RedisSettings, RetrySettings, Size
from queue_common.signing import SigningSettings
from queue_common.tracing.settings import TraceSettings

from .auth.settings import AuthSettings
from .http.settings import HttpSettings

__all__ = ["ApiSettings", "warn_if_open"]

logger = structlog.stdlib.get_logger(__name__)

_HOST = re.compile(r"\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")


def _hosts(value: str | None) -> str | None:
    if value is None:
        return None
    hosts = [host.strip().lower() for host in value.split(",")]
    if not all(map(_HOST.fullmatch, hosts)):
        msg = "should be names without port, such as queue.example.com,*.internal.example"
        raise ValueError(msg)
    return ",".join(hosts)


class ApiSettings(
    LogSettings,
    EgressSettings,
    RedisSettings,
    QueueSettings,
    RetrySettings,
    TraceSettings,
    MetricsSettings,
    SigningSettings,
    HttpSettings,
    AuthSettings,
):
    """All variables that the API reads."""

    api_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; ``::``: all addresses of this machine."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The port to listen on."""
    api_max_body: Annotated[Size, Field(ge=1)] = ByteSize(1 << 20)
    """Max size of a request's body, such as ``1MiB`` or ``65536``."""
    api_max_batch: Annotated[Size, Field(ge=1)] = ByteSize(64 << 20)
    """Max size of a batch's body. NDJSON is streamed; JSON arrays are kept in memory as a whole,
    and are at most ``API_MAX_BUFFERED`` too."""
    api_max_waiting_bytes: Annotated[Size, Field(ge=1)] = ByteSize(MAX_WAITING_BYTES)
    """Max bytes of tasks that wait for Redis; further tasks are refused with 503."""
    api_allowed_hosts: Annotated[str | None, AfterValidator(_hosts)] = None
    """Host names of the API, such as ``queue.example.com,*.internal.example``.

    A request with another ``Host`` is refused; ``*`` allows all. IP addresses and ``localhost`` are
    always allowed. Default: ``*`` in production, none in development.
    """

    audit_max: Annotated[int, Field(ge=0)] = 10_000
    """Max management actions that are kept, about; the oldest are removed first."""

    @model_validator(mode="after")
    def _is_closed_in_production(self) -> Self:
        if self.env == "production" and self.api_auth is None and not self.checks_keys():
            msg = (
                "API_ROOT_KEY: should be set in production, to 32 or more random characters, such "
                "as `openssl rand -hex 32` writes. API_AUTH=off lets in whoever reaches the API"
            )
            raise ValueError(msg)
        return self

    def allowed_hosts(self) -> tuple[str, ...]:
        """Return the names, in lower case."""
        if self.api_allowed_hosts is None:
            return ("*",) if self.env == "production" else ()
        return tuple(self.api_allowed_hosts.split(","))


def warn_if_open(settings: ApiSettings) -> None:
    """Log a warning if the API checks no keys; in development API_AUTH=off takes note of it."""
    if settings.checks_keys() or (settings.api_auth and settings.env == "development"):
        return
    why = "API_AUTH=off" if settings.api_auth else "there is no API_ROOT_KEY"
    logger.warning("api.open", reason=f"{why}: who reaches it may do all")
