"""The limits of HTTP connections, as environment variables."""

from __future__ import annotations

import resource
from datetime import timedelta
from typing import Annotated

from pydantic import ByteSize, Field, field_validator

from queue_common.settings import Duration, Settings

from .shared import Limits

__all__ = ["HttpSettings"]

RESERVED_FILES = 96
"""File descriptors for what is no client: Redis, logs, METRICS_PORT, and connections refused."""
MAX_CONNECTIONS = 4096
"""By default: an idle connection takes some 10 KB."""


class HttpSettings(Settings):
    """What a client may take of the process."""

    api_max_head: Annotated[ByteSize, Field(ge=1024)] = ByteSize(32 << 10)
    """The largest head of a request (request line and headers), and its trailers; 431 over it."""
    api_head_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Time for a head, from its first byte or the connection's opening; then 408."""
    api_body_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Time for a body, and a second more for each ``API_BODY_MIN_RATE`` bytes of it; then 408."""
    api_body_min_rate: Annotated[ByteSize, Field(ge=1)] = ByteSize(4 << 10)
    """Bytes a second at which a body must come once ``API_BODY_TIMEOUT`` is over."""
    api_max_connections: Annotated[int, Field(ge=0)] = 0
    """Connections that are open at a time; 503 over it. 0: the limit of open files less 96, and at
    most 4,096."""
    api_max_buffered: Annotated[ByteSize, Field(ge=1 << 20)] = ByteSize(32 << 20)
    """Bytes of unfinished requests in the whole process. Over it the request that holds the most is
    refused with 503."""
    api_max_pipelined: Annotated[ByteSize, Field(ge=0)] = ByteSize(64 << 10)
    """Bytes that may wait behind a request that is not answered. With more, the connection is
    closed behind that answer."""

    @field_validator("api_max_connections")
    @classmethod
    def _fits_open_files(cls, connections: int) -> int:
        max_connections = _files() - RESERVED_FILES
        if connections > max_connections:
            msg = f"the limit of open files (ulimit -n) allows {max_connections} open connections"
            raise ValueError(msg)
        return connections

    def http_limits(self) -> Limits:
        """Return the limits in force."""
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
