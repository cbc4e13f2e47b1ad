"""Finding the primary by Redis Sentinel."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .server_connection import SentinelConnection, SentinelTlsConnection, drop_connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import SecretStr
    from redis.asyncio import ConnectionPool

    from ...settings import RedisSettings

__all__ = ["PrimaryFinder"]

TIMEOUT_SECONDS = 1.0
"""For a connection to a Sentinel and for its reply; after it the next Sentinel is asked."""
ASK_AGAIN_SECONDS = 0.1
"""Min time between two requests to the Sentinels: while Redis is away, every submission connects
again."""


class PrimaryFinder(Sentinel):
    """Asks the Sentinels for the primary, for all clients of a process.

    Clients that ask at the same time share one question, and there are at most ten a second.
    """

    def __init__(self, settings: RedisSettings, pools: Iterable[ConnectionPool]) -> None:
        """``pools`` are the clients': they close when the Sentinels name another primary."""
        options: dict[str, Any] = {
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "socket_timeout": TIMEOUT_SECONDS,
            # The default retries a Sentinel that is away three times, which takes seconds.
            "retry": Retry(NoBackoff(), 0),
            "username": settings.redis_sentinel_username or None,
            "password": _secret(settings.redis_sentinel_password),
            "ssl": settings.redis_sentinel_tls,
            "ssl_ca_certs": _ca_file(settings),
        }
        super().__init__(  # type: ignore[no-untyped-call]
            settings.addresses(), sentinel_kwargs=options
        )
        self._settings = settings
        self._pools = pools
        self._primary: tuple[str, int] | None = None
        self._last: tuple[str, int] | None = None
        self._reasons: list[str] = []
        self._asking = asyncio.Lock()
        self._ask_from = 0.0
        self.servers: set[tuple[str, int]] = set()
        """Host and port of every primary and replica that the Sentinels have named."""

    def client(self, **options: Any) -> Redis:  # noqa: ANN401 - redis-py's
        """Return a client that follows the primary; its connections get ``options``."""
        settings = self._settings
        if settings.redis_tls:
            options["ssl_ca_certs"] = _ca_file(settings)
        client: Redis = self.master_for(
            settings.redis_master_name,
            connection_class=SentinelTlsConnection if settings.redis_tls else SentinelConnection,
            db=settings.redis_database,
            username=settings.redis_username or None,
            password=_secret(settings.redis_password),
            **options,
        )
        return client

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the primary; raises MasterNotFoundError with each reason."""
        came_at = time.monotonic()
        async with self._asking:
            # A reply that arrived while this caller waited is good for it too.
            if came_at >= self._ask_from:
                await self._ask(service_name)
                self._ask_from = time.monotonic() + ASK_AGAIN_SECONDS
        if self._primary is None:
            msg = f"no primary {service_name!r}: {'; '.join(self._reasons)}"
            raise MasterNotFoundError(msg)
        return self._primary

    async def _ask(self, name: str) -> None:
        self._primary, self._reasons = None, []
        last = self._last
        try:
            for sentinel in self.sentinels:
                if await self._names(sentinel, name):
                    break
            if self._primary is not None:
                self._last = self._primary
                self.servers.add(self._primary)
                replicas = await self.discover_slaves(name)
                self.servers.update(cast("Sequence[tuple[str, int]]", replicas))
            if last is not None and self._last != last:
                await drop_connections(self._pools)
        finally:
            # No question is due until the next failover.
            for sentinel in self.sentinels:
                await sentinel.aclose()

    async def _names(self, sentinel: Redis, name: str) -> bool:
        """Ask one Sentinel, as redis-py does, but keep the reason of a failure."""
        address = "{host}:{port}".format(**sentinel.connection_pool.connection_kwargs)
        try:
            masters = await sentinel.sentinel_masters()  # type: ignore[no-untyped-call]
        except RedisError as error:
            self._reasons.append(f"{address}: {error}")
            return False
        if name not in masters:
            self._reasons.append(f"{address} does not know it")
            return False
        if not self.check_master_state(masters[name], name):
            self._reasons.append(f"{address} sees it down")
            return False
        self._primary = (masters[name]["ip"], masters[name]["port"])
        # The Sentinel that replied is asked first the next time.
        self.sentinels.remove(sentinel)
        self.sentinels.insert(0, sentinel)
        return True


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def _ca_file(settings: RedisSettings) -> str | None:
    return str(settings.redis_ca_file) if settings.redis_ca_file else None
