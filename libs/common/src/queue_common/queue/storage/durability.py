"""How durable the server keeps the tasks that it has accepted."""

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
    """How Redis keeps the writes that it has confirmed."""

    mode: str
    """``always``, ``everysec`` or ``no`` (the append-only file's fsync), ``snapshots``, ``none``,
    or ``unknown`` if the server forbids CONFIG, as managed services do."""
    eviction: str
    """``maxmemory-policy``; any other than ``noeviction`` may evict tasks."""
    replicas: int
    """Connected replicas."""
    used_memory: int = 0
    """Bytes."""
    max_memory: int = 0
    """Bytes; 0: no limit."""

    @property
    def warnings(self) -> list[str]:
        """One sentence for each way to lose accepted tasks."""
        found = []
        if self.mode == "none":
            found.append(
                "Redis has neither an append-only file nor snapshots: "
                "a restart loses all tasks; set appendonly yes"
            )
        if self.mode in {"no", "snapshots"}:
            found.append(
                f"Redis persists by {self.mode!r}: a crash of its machine loses the tasks of "
                "minutes; set appendonly yes and appendfsync everysec or always"
            )
        if self.eviction not in {"noeviction", "unknown"}:
            found.append(
                f"Redis' maxmemory-policy is {self.eviction}: if its memory is full, it evicts "
                "tasks; set noeviction"
            )
        return found


async def inspect_durability(client: Redis) -> Durability:
    """Read the settings; raises QueueUnavailableError if Redis is away or a replica."""
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
        used_memory=int(memory.get("used_memory", 0)),
        max_memory=int(memory.get("maxmemory", 0)),
    )


async def inspect_persistence(client: Redis) -> bool | None:
    """Return whether Redis persists and its last write succeeded; None: INFO is forbidden.

    Raises QueueUnavailableError if it does not reply.
    """
    with translated():
        try:
            persistence = await reply(client.info("persistence"))
        except ResponseError:
            return None
        if persistence.get("aof_enabled"):
            return bool(persistence.get("aof_last_write_status") == "ok")
        # The status of the last snapshot is "ok" even if snapshots are off.
        snapshots = await _config(client, "save")
    return snapshots != "" and bool(persistence.get("rdb_last_bgsave_status") == "ok")


async def _config(client: Redis, name: str) -> str | None:
    """Return a setting, or None if the server forbids CONFIG."""
    try:
        settings = await reply(client.config_get(name))
    except ResponseError:
        return None
    value = settings.get(name)
    return None if value is None else str(value)


async def report_durability(queue: TaskQueue) -> None:
    """Log the durability once, as soon as Redis replies."""
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
