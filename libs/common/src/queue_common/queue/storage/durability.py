"""What the server in force promises of the tasks it has accepted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import ResponseError

from ...errors import QueueUnavailableError
from .connection import ReconnectBackoff, replication_of_primary, reply, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..task_queue import TaskQueue

__all__ = ["Durability", "inspect_durability", "inspect_persistence", "report_durability"]

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Durability:
    """How Redis keeps what it has answered."""

    mode: str
    """``always``, ``everysec`` or ``no`` (the append-only file's fsync), ``snapshots``, ``none``,
    or ``unknown`` where the server does not tell (managed services forbid CONFIG)."""
    eviction: str
    """``maxmemory-policy``; anything but ``noeviction`` may throw tasks away."""
    replicas: int
    """Replicas that are connected now."""

    @property
    def warnings(self) -> list[str]:
        """One sentence for each way in which accepted tasks may be lost."""
        found = []
        if self.mode == "none":
            found.append(
                "Redis has neither an append-only file nor snapshots: "
                "its end loses all tasks; set appendonly yes"
            )
        if self.mode in {"no", "snapshots"}:
            found.append(
                f"Redis persists by {self.mode!r}: the end of its machine loses the tasks of "
                "minutes; set appendonly yes and appendfsync everysec or always"
            )
        if self.eviction not in {"noeviction", "unknown"}:
            found.append(
                f"Redis' maxmemory-policy is {self.eviction}: when it is full it throws tasks "
                "away; set noeviction"
            )
        return found


async def inspect_durability(client: Redis) -> Durability:
    """Ask the server; raises QueueUnavailableError if it does not answer, or is a replica."""
    with translated():
        persistence = await reply(client.info("persistence"))
        replication = await replication_of_primary(client)
        memory = await reply(client.info("memory"))
    mode = "unknown"
    if not persistence.get("aof_enabled"):
        save = await _config(client, "save")
        mode = "unknown" if save is None else "snapshots" if save else "none"
    else:
        mode = await _config(client, "appendfsync") or "unknown"
    return Durability(
        mode=mode,
        eviction=str(memory.get("maxmemory_policy", "unknown")),
        replicas=int(replication.get("connected_slaves", 0)),
    )


async def inspect_persistence(client: Redis) -> bool | None:
    """Say whether the server writes to disk and its last write succeeded; None: it does not tell.

    Raises QueueUnavailableError where it does not answer.
    """
    with translated():
        try:
            told = await reply(client.info("persistence"))
        except ResponseError:
            return None
        if told.get("aof_enabled"):
            return bool(told.get("aof_last_write_status") == "ok")
        # Without snapshots either, the status of the last one is still "ok".
        snapshots = await _config(client, "save")
    return snapshots != "" and bool(told.get("rdb_last_bgsave_status") == "ok")


async def _config(client: Redis, name: str) -> str | None:
    """Return a setting, or None where the server does not tell."""
    try:
        settings = await reply(client.config_get(name))
    except ResponseError:
        return None
    value = settings.get(name)
    return None if value is None else str(value)


async def report_durability(queue: TaskQueue) -> None:
    """Log once, as soon as Redis answers, how it keeps what it accepts."""
    backoff, failures = ReconnectBackoff(cap=5.0, base=0.1), 0
    while True:
        try:
            durability = await queue.durability()
        except QueueUnavailableError as error:
            failures += 1
            logger.warning("redis.unavailable", reason=str(error), attempt=failures)
            await asyncio.sleep(backoff.compute(failures))
            continue
        logger.info("redis.durability", mode=durability.mode, replicas=durability.replicas)
        for warning in durability.warnings:
            logger.warning("redis.durability_warning", reason=warning)
        return
