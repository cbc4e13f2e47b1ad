from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from queue_testing import RedisServer, free_port, wait_until

ROOT_KEY = "the-first-root-key-of-40-characters-long"
NEXT_ROOT_KEY = "the-second-root-key-is-as-long-as-it-is"


@dataclass
class Api:
    """A `queue-api` process, to be started with the environment it then has."""

    directory: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            **os.environ, "ENV": "production", "API_PORT": str(self.port),
            "API_AUTH": "off", "QUEUE_NAME": f"t-{uuid.uuid4().hex}", "EGRESS_ALLOW": "localhost",
            **self.environment,
        }  # fmt: skip
        self.environment = environment
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "queue_api"], cwd=self.directory, env=environment,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def start_on(self, server: RedisServer) -> None:
        """Start on this server; return once the API responds."""
        self.environment["REDIS_ADDR"] = server.address
        self.start()
        await self.until_alive()

    async def until_alive(self) -> None:
        await wait_until(self._alive, "the API answers", 30)

    async def _alive(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/health")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a bare connection, for what no HTTP client sends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def until_ended(self) -> int:
        """Return the exit code once the process has ended by itself."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 30)

    def terminate(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def clean_up(self) -> None:
        self.terminate()
        if self.process is not None:
            self.process.wait(30)

    def log(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
def api_at(tmp_path: Path, redis_server: RedisServer) -> Iterator[Api]:
    """An API of the test's own that has not been started; its environment may still change."""
    api = Api(tmp_path, {"REDIS_ADDR": redis_server.address})
    yield api
    api.clean_up()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """A running API that tests share; those that stop one start their own."""
    api = Api(tmp_path_factory.mktemp("api"), {"REDIS_ADDR": redis_server.address})
    api.start()
    await api.until_alive()
    yield api
    api.clean_up()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def strict_api(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """A running API in development, which accepts no host name but localhost."""
    api = Api(
        tmp_path_factory.mktemp("strict"),
        {"REDIS_ADDR": redis_server.address, "ENV": "development"},
    )
    api.start()
    await api.until_alive()
    yield api
    api.clean_up()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed_api(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """A running API that checks keys."""
    keys = {"API_AUTH": "", "API_ROOT_KEY": f"{ROOT_KEY},{NEXT_ROOT_KEY}"}
    api = Api(tmp_path_factory.mktemp("closed"), {"REDIS_ADDR": redis_server.address, **keys})
    api.start()
    await api.until_alive()
    yield api
    api.clean_up()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running API."""
    async with httpx.AsyncClient(base_url=api.url) as client:
        yield client
