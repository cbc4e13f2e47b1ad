from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from queue_common.testing import RedisServer, free_port, wait_until


@dataclass
class Api:
    """A real `queue-api` process."""

    port: int
    directory: Path
    environment: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        with (self.directory / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "queue_api",
                cwd=self.directory, env={**os.environ, **self.environment},
                stdout=log, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip

    async def until_alive(self) -> None:
        await wait_until(self._alive, "the API answers", 30)

    async def _alive(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/health")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def end(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 30)

    async def end_by_itself(self) -> int:
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), 30)

    def log(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
async def api_at(tmp_path: Path) -> AsyncIterator[Api]:
    """An API that has not been started; its environment may still be changed."""
    api = Api(free_port(), tmp_path, {"ENV": "production", "QUEUE_NAME": f"t-{uuid.uuid4().hex}"})
    api.environment["API_PORT"] = str(api.port)
    yield api
    if api.process is not None:
        await api.end()


@pytest.fixture
async def api(api_at: Api, redis_server: RedisServer) -> Api:
    """A running API on the shared server, with a queue of its own."""
    api_at.environment["REDIS_ADDR"] = redis_server.address
    await api_at.start()
    await api_at.until_alive()
    return api_at


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running API."""
    async with httpx.AsyncClient(base_url=api.url) as client:
        yield client
