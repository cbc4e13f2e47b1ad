"""The whole system, of real processes."""

from __future__ import annotations

from dataclasses import dataclass

from queue_standalone.ready import replies_to_ping, responds_to_http
from queue_testing import wait_until

from .processes import Process

__all__ = ["System"]


@dataclass
class System:
    """API, two workers and a Valkey."""

    api_port: int
    redis_port: int
    redis: Process
    api: Process
    workers: list[Process]

    @property
    def tasks_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}/api/v1/tasks"

    async def start(self) -> None:
        await self.start_redis()
        for process in (self.api, *self.workers):
            await process.start()
        await wait_until(lambda: responds_to_http(self.api_port, "/ready"), "the API is ready", 30)
        await wait_until(
            lambda: all("worker.ready" in w.log() for w in self.workers),
            "the workers are ready",
            30,
        )

    async def start_redis(self) -> None:
        await self.redis.start()
        await wait_until(lambda: replies_to_ping(self.redis_port), "Valkey answers", 30)

    async def stop(self) -> None:
        for process in (self.api, *self.workers, self.redis):
            await process.stop()
