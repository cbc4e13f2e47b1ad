"""The real API and worker on a real server, whose traces go to a collector of the test's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from queue_testing import RedisServer, free_port, wait_until

KEPT = {"PATH", "HOME"}


@dataclass
class TracedSystem:
    """One API and one worker of a queue of their own."""

    directory: Path
    variables: dict[str, str]
    queue: str = field(default_factory=lambda: f"t-{uuid.uuid4().hex[:12]}")
    api_port: int = field(default_factory=free_port)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    async def start(self, name: str) -> None:
        kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith("COVERAGE")}
        environment = {
            **kept, "ENV": "production", "API_AUTH": "off", "EGRESS_ALLOW": "127.0.0.0/8",
            "QUEUE_NAME": self.queue,
            "API_PORT": str(self.api_port), "WORKER_RETRY_INTERVAL": "50ms", **self.variables,
        }  # fmt: skip
        with (self.directory / name).open("wb") as out:
            self.processes[name] = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name(name)), cwd=self.directory, env=environment,
                stdout=out, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip

    async def until_running(self) -> None:
        await wait_until(lambda: self.lines("queue-worker", "worker.ready"), "it claims", 30)
        await wait_until(self._answers, "the API answers", 30)

    async def _answers(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/ready")).is_success
        except httpx.HTTPError:
            return False

    def log(self, name: str) -> str:
        return (self.directory / name).read_text()

    def lines(self, name: str, event: str) -> list[dict[str, Any]]:
        """Return a process' log lines of this event; a line half written is not there yet."""
        *lines, _ = self.log(name).split("\n")
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["msg"] == event]

    async def post(self, task: dict[str, Any], **headers: str) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{self.url}/api/v1/tasks", json=task, headers=headers)
        assert response.status_code == httpx.codes.CREATED, response.text
        return dict(response.json())

    async def get(self, task_id: str) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{self.url}/api/v1/tasks/{task_id}?secret=in-the-query")
        return dict(response.json())

    async def until(self, task_id: str, state: str) -> dict[str, Any]:
        async def arrived() -> bool:
            return bool((await self.get(task_id))["state"] == state)

        await wait_until(arrived, f"the task is {state}", 20)
        return await self.get(task_id)

    async def stop(self, name: str) -> int:
        process = self.processes[name]
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), 30)


@asynccontextmanager
async def traced_system(
    directory: Path, redis_server: RedisServer, endpoint: str, **variables: str
) -> AsyncIterator[TracedSystem]:
    """Run API and worker while the context is entered."""
    told = {"REDIS_ADDR": redis_server.address, "OTEL_BSP_SCHEDULE_DELAY": "50", **variables}
    system = TracedSystem(directory, {**told, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    try:
        await system.start("queue-api")
        await system.start("queue-worker")
        await system.until_running()
        yield system
    finally:
        await asyncio.gather(*(system.stop(name) for name in system.processes))
