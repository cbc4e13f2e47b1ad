"""Connections to Redis, and its failures in our own words."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from redis.asyncio import Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ..errors import QueueUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from redis.typing import EncodableT

    from ..settings import RedisSettings

__all__ = ["answer", "open_client", "translated"]

T = TypeVar("T")
_serializer = HiredisRespSerializer()

CONNECT_TIMEOUT_SECONDS = 2.0
ANSWER_TIMEOUT_SECONDS = 5.0
"""A server that is silent this long counts as away: clients get their 503 instead of waiting."""
LARGE_BYTES = 16384


class _PacksInC(AbstractConnection):
    """A connection whose commands hiredis packs.

    redis-py has it do so for its other client; in Python a batch takes 0.4 us an argument. A large
    argument is better left to redis-py, which sends it as it is: hiredis copies all into one, at
    1 us a KiB.
    """

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        if any(isinstance(arg, bytes) and len(arg) > LARGE_BYTES for arg in args):
            return super().pack_command(*args)
        # Its annotation speaks of a list an argument.
        packed: list[bytes] = _serializer.pack(*cast("list[Any]", args))
        return packed


class _Connection(_PacksInC, Connection):
    pass


class _TlsConnection(_PacksInC, SSLConnection):
    pass


_PACKING: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _Connection,
    SSLConnection: _TlsConnection,
}


def open_client(
    settings: RedisSettings, *, retries: int = 0, answer_timeout_seconds: float | None = None
) -> Redis:
    """Return a client; no I/O happens before its first command.

    ``retries`` is how often a command is sent again on a fresh connection after the one in use
    broke: only for commands that may run twice.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_timeout": answer_timeout_seconds or ANSWER_TIMEOUT_SECONDS,
        "socket_keepalive": True,
        # A server that is silent is not asked again: it has had its time.
        "retry": Retry(NoBackoff(), retries, supported_errors=(RedisConnectionError,)),
        "retry_on_error": [RedisConnectionError] if retries else [],
    }
    url = settings.url()
    if url.startswith("rediss://") and settings.redis_ca_file is not None:
        options["ssl_ca_certs"] = str(settings.redis_ca_file)
    client = Redis.from_url(url, **options)
    pool = client.connection_pool
    # The URL decides on the class, whatever an option says.
    pool.connection_class = _PACKING.get(pool.connection_class, pool.connection_class)
    return client


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Redis and the network raise into QueueUnavailableError, the cause kept."""
    try:
        yield
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
    (re.compile("BusyLoading|LOADING"), "Redis is loading its data"),
    (re.compile("Authentication|Authorization|NoPermission|NOAUTH"), "Redis refuses the login"),
)
"""By redis-py's class or, for errors out of a script, the server's word."""


def _unavailable(kind: str, error: Exception) -> QueueUnavailableError:
    words = f"{type(error).__name__} {error}"
    found = (summary for pattern, summary in _SUMMARIES if pattern.search(words))
    return QueueUnavailableError(f"{kind}: {error}", summary=next(found, kind))


async def answer(reply: Awaitable[T] | T) -> T:
    """Await a command's reply: redis-py's types leave open whether its client is asynchronous."""
    return await cast("Awaitable[T]", reply)
