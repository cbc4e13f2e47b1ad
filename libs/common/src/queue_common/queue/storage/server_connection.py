"""Connections to Redis that leave a server which cannot serve."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import ConnectionPool, Redis

__all__ = [
    "NotServingError",
    "SentinelConnection",
    "SentinelTlsConnection",
    "ServerConnection",
    "ServerTlsConnection",
    "drop_connections",
    "leave_server",
]

_NOT_SERVING = (ReadOnlyError, MasterDownError, ClusterDownError, BusyLoadingError)
# UNBLOCKED ends a wait when the server becomes a replica, NOREPLICAS comes from a primary that its
# replicas have left. Redis 6 wraps the error of a command in that of its script.
_NOT_SERVING_TEXT = re.compile(r"(?:UNBLOCKED|NOREPLICAS) |.* -(?:READONLY|MASTERDOWN|NOREPLICAS) ")


class NotServingError(RedisConnectionError):
    """The server replies but cannot serve: it is a replica, or loads its data.

    Its connections are closed, because the same name may resolve to another server by now.
    """


class _ServerConnection(AbstractConnection):
    """Closes itself and all other connections if the server replies that it cannot serve.

    A primary that becomes a replica keeps its connections open and refuses every write on them. A
    new connection resolves the name, or asks the Sentinels, again. All clients of a process close
    together, because a client that only claims from an empty queue writes nothing and would not
    notice.
    """

    def __init__(
        self, *, pools: Iterable[ConnectionPool], **options: Any  # noqa: ANN401 - redis-py's
    ) -> None:  # fmt: skip
        self._pools = pools
        super().__init__(**options)

    async def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        """Return the reply; raises NotServingError if the server cannot serve."""
        try:
            return await super().read_response(*args, **options)
        except (ResponseError, BusyLoadingError) as error:
            if not _means_not_serving(error):
                raise
            await self.disconnect(nowait=True)
            await drop_connections(self._pools)
            msg = f"{type(error).__name__}: {error}"
            raise NotServingError(msg) from error


def _means_not_serving(error: RedisError) -> bool:
    return isinstance(error, _NOT_SERVING) or bool(_NOT_SERVING_TEXT.match(str(error)))


async def drop_connections(pools: Iterable[ConnectionPool]) -> None:
    """Close all connections of pools: idle ones now, the others once they are released."""
    for pool in list(pools):
        with suppress(RedisError):
            await pool.disconnect(inuse_connections=False)
        await pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]


async def leave_server(client: Redis) -> None:
    """Close all connections of a client and of the clients opened with it."""
    await drop_connections(client.connection_pool.connection_kwargs["pools"])


class ServerConnection(_ServerConnection, Connection):
    """A connection to a given address."""


class ServerTlsConnection(_ServerConnection, SSLConnection):
    """A TLS connection to a given address."""


# redis-py's classes come first: they choose the address to which the other class connects.
class SentinelConnection(SentinelManagedConnection, ServerConnection):
    """A connection to the primary that Sentinel names."""


class SentinelTlsConnection(SentinelManagedSSLConnection, ServerTlsConnection):
    """A TLS connection to the primary that Sentinel names."""
