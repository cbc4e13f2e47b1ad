"""Settings of the limits of HTTP connections."""

from __future__ import annotations

import resource
from datetime import timedelta
from typing import Annotated

from pydantic import ByteSize, Field, field_validator

from queue_common.settings import Duration, Settings, Size

from .shared import Limits

__all__ = ["HttpSettings"]

RESERVED_FILES = 96
"""File descriptors for Redis, logs, METRICS_PORT and refused connections."""
MAX_CONNECTIONS = 4096
"""Default limit. An idle connection takes about 10 KB."""


class HttpSettings(Settings):
    """Limits of what clients may take of the process."""

    api_max_head: Annotated[Size, Field(ge=1024)] = ByteSize(32 << 10)
    """Max size of a request's head (request line and headers) and of its trailers; then 431."""
    api_head_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Time for a head, from its first byte or from the opening of the connection; then 408."""
    api_body_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Time for a body, plus a second for each ``API_BODY_MIN_RATE`` bytes of it; then 408."""
    api_body_min_rate: Annotated[Size, Field(ge=1)] = ByteSize(4 << 10)
    """Min bytes per second of a body after ``API_BODY_TIMEOUT``."""
    api_max_connections: Annotated[int, Field(ge=0)] = 0
    """Max open connections; then 503. 0: the limit of open files minus 96, but at most 4,096."""
    api_max_buffered: Annotated[Size, Field(ge=1 << 20)] = ByteSize(32 << 20)
    """Max bytes of incomplete requests in the process. Above it, the largest of them is refused,
    with 503, or 413 if it is larger by itself. Of NDJSON, only what is not read yet counts."""
    api_max_pipelined: Annotated[Size, Field(ge=0)] = ByteSize(64 << 10)
    """Max bytes that wait behind a request without a response. With more, the connection is closed
    after that response."""

    @field_validator("api_max_connections")
    @classmethod
    def _fits_open_files(cls, connections: int) -> int:
        max_connections = _files() - RESERVED_FILES
        if connections > max_connections:
            msg = f"the limit of open files (ulimit -n) allows {max_connections} open connections"
            raise ValueError(msg)
        return connections

    def http_limits(self) -> Limits:
        """Return the effective limits."""
        derived = max(1, min(MAX_CONNECTIONS, _files() - RESERVED_FILES))
        return Limits(
            max_head_bytes=self.api_max_head,
            head_seconds=self.api_head_timeout.total_seconds(),
            body_seconds=self.api_body_timeout.total_seconds(),
            body_min_rate=self.api_body_min_rate,
            max_connections=self.api_max_connections or derived,
            max_buffered_bytes=self.api_max_buffered,
            max_pipelined_bytes=self.api_max_pipelined,
        )


def _files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
