"""Real Sentinels, and the primary and replicas they watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from .redis_server import RedisServer
from .wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["MASTER_NAME", "SentinelServer", "primary_port", "until_watching"]

MASTER_NAME = "mymaster"
QUORUM = 2


class SentinelServer(RedisServer):
    """One Sentinel on a loopback port; it fails over 0.5 s after its primary is gone."""

    def __init__(
        self, binary: Path, directory: Path, primary_port: int, *lines: str, quorum: int = QUORUM
    ) -> None:
        """``lines`` are added to its configuration."""
        super().__init__(binary, directory)
        config = directory / "sentinel.conf"
        text = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {directory}",
            f"sentinel monitor {MASTER_NAME} 127.0.0.1 {primary_port} {quorum}",
            f"sentinel down-after-milliseconds {MASTER_NAME} 500",
            f"sentinel failover-timeout {MASTER_NAME} 2000",
            *lines,
        ]
        config.write_text("\n".join(text) + "\n")
        self._command = [str(binary), str(config), "--sentinel"]


async def primary_port(sentinel: SentinelServer, password: str | None = None) -> int:
    """Return the port that a Sentinel names."""
    async with Redis(port=sentinel.port, password=password) as client:
        named = await client.sentinel_get_master_addr_by_name(MASTER_NAME)  # type: ignore[no-untyped-call]
    return int(named[1])


async def until_watching(
    sentinels: Sequence[SentinelServer], *, replicas: int, password: str | None = None
) -> None:
    """Return once each Sentinel knows all others and so many replicas of its primary."""
    others = len(sentinels) - 1
    await asyncio.gather(*(_until_knows(s, others, replicas, password) for s in sentinels))


async def _until_knows(
    sentinel: SentinelServer, others: int, replicas: int, password: str | None
) -> None:
    async with Redis(port=sentinel.port, password=password) as client:

        async def knows() -> bool:
            masters = await client.sentinel_masters()  # type: ignore[no-untyped-call]
            seen: dict[str, int] = masters[MASTER_NAME]
            return seen["num-other-sentinels"] >= others and seen["num-slaves"] >= replicas

        await wait_until(knows, "the Sentinel knows all it watches", 20)
