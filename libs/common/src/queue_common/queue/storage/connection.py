"""Connections to Redis, and its failures as QueueUnavailableError."""

from __future__ import annotations

import re
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import EqualJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ...errors import QueueUnavailableError
from .sentinel import PrimaryFinder
from .server_connection import NotServingError, ServerConnection, ServerTlsConnection, leave_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterator

    from redis.asyncio import ConnectionPool

    from ...settings import RedisSettings

__all__ = [
    "ReconnectBackoff",
    "RedisServers",
    "open_client",
    "ping_primary",
    "replication_of_primary",
    "reply",
    "translated",
]

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 2.0
REPLY_TIMEOUT_SECONDS = 5.0
"""A server without a reply for this long counts as away: clients get a 503 instead of waiting."""
MAX_DOUBLINGS = 20


class RedisServers:
    """The address of Redis, shared by all clients of a process."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._pools: weakref.WeakSet[ConnectionPool] = weakref.WeakSet()
        self._finder: PrimaryFinder | None = None
        if settings.redis_sentinels:
            self._finder = PrimaryFinder(settings, self._pools)

    @property
    def found(self) -> Collection[tuple[str, int]]:
        """Host and port of each server that the Sentinels have named so far."""
        return self._finder.servers if self._finder is not None else ()

    def open(self, *, retries: int = 0, reply_timeout_seconds: float | None = None) -> Redis:
        """Return a client; no I/O happens before its first command.

        ``retries`` is how often a command is sent again on a new connection after its connection
        broke: only for commands that may run twice.
        """
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_timeout": reply_timeout_seconds or REPLY_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            # A command that timed out is not sent again.
            "retry": Retry(NoBackoff(), retries, supported_errors=(RedisConnectionError,)),
            "retry_on_error": [RedisConnectionError] if retries else [],
        }
        if self._finder is not None:
            client = self._finder.client(**options)
        else:
            client = self._at_address(options)
        client.connection_pool.connection_kwargs["pools"] = self._pools
        self._pools.add(client.connection_pool)
        return client

    def _at_address(self, options: dict[str, Any]) -> Redis:
        url = self._settings.url()
        tls = url.startswith("rediss://")
        if tls and self._settings.redis_ca_file is not None:
            options["ssl_ca_certs"] = str(self._settings.redis_ca_file)
        client = Redis.from_url(url, **options)
        # `from_url` sets the class by the URL and ignores the option.
        client.connection_pool.connection_class = ServerTlsConnection if tls else ServerConnection
        return client


def open_client(
    settings: RedisSettings, *, retries: int = 0, reply_timeout_seconds: float | None = None
) -> Redis:
    """Return a client as ``RedisServers.open`` does, for a process with a single client."""
    servers = RedisServers(settings)
    return servers.open(retries=retries, reply_timeout_seconds=reply_timeout_seconds)


class ReconnectBackoff(EqualJitterBackoff):
    """The pause between attempts to reach Redis.

    Half of it is random, so that clients do not all connect at once when Redis comes back.
    """

    def compute(self, failures: int) -> float:
        """Return seconds."""
        # redis-py computes 2 to the power of failures, and fails from 1,024 failures on.
        return super().compute(min(failures, MAX_DOUBLINGS))


@contextmanager
def translated() -> Iterator[None]:
    """Raise QueueUnavailableError from any error of Redis or the network."""
    try:
        yield
    except NotServingError as error:
        raise _unavailable("Redis refuses", error) from error
    except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError) as error:
        raise _unavailable("Redis cannot be reached", error) from error
    except ResponseError as error:
        raise _unavailable("Redis refuses", error) from error
    except RedisError as error:
        raise _unavailable("Redis failed", error) from error


_SUMMARIES = (
    (re.compile("OutOfMemory|OOM"), "Redis refuses writes: it is out of memory"),
    (re.compile("ReadOnly|READONLY"), "Redis refuses writes: it is read-only"),
    (re.compile("NOREPLICAS"), "Redis refuses writes: it has too few replicas"),
    (re.compile("MISCONF"), "Redis refuses writes: it cannot save its data"),
    (re.compile("MasterDown|MASTERDOWN|UNBLOCKED"), "Redis changes its primary"),
    (re.compile("BusyLoading|LOADING"), "Redis is loading its data"),
    (re.compile("Authentication|Authorization|NoPermission|NOAUTH"), "Redis refuses the login"),
)
"""By redis-py's class or, for an error inside a script, the server's error code."""


def _unavailable(kind: str, error: Exception) -> QueueUnavailableError:
    text = f"{type(error).__name__} {error}"
    found = (summary for pattern, summary in _SUMMARIES if pattern.search(text))
    return QueueUnavailableError(f"{kind}: {error}", summary=next(found, kind))


async def reply(command: Awaitable[T] | T) -> T:
    """Await a command's reply; redis-py's types do not say that its client is asynchronous."""
    return await cast("Awaitable[T]", command)


async def ping_primary(client: Redis) -> None:
    """Return if a primary replies; raises QueueUnavailableError with the reason otherwise."""
    with translated():
        await reply(client.ping())
        try:
            await replication_of_primary(client)
        except NoPermissionError:
            return  # the server forbids INFO; the first write shows whether it is a replica


async def replication_of_primary(client: Redis) -> dict[str, Any]:
    """Return INFO's section on replication; raises NotServingError if a replica sent it."""
    replication = await reply(client.info("replication"))
    if replication.get("role") == "slave":
        await leave_server(client)
        msg = "READONLY: it is a replica, not the primary"
        raise NotServingError(msg)
    return cast("dict[str, Any]", replication)
