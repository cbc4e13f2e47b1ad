from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queue_standalone.valkey import find_server, server_command
from queue_testing import free_port

from .processes import Process
from .system import System


@pytest.fixture
async def system(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[System]:
    """A system that runs; a parameter takes the place of what differs from the defaults."""
    api_port, redis_port = free_port(), free_port()
    environment = {
        "REDIS_ADDR": f"127.0.0.1:{redis_port}",
        "API_PORT": str(api_port),
        "ENV": "production",
        "API_AUTH": "off",
        "EGRESS_ALLOW": "127.0.0.0/8",
        **getattr(request, "param", {"WORKER_RETRY_INTERVAL": "1s", "WORKER_CONCURRENCY": "100"}),
    }
    system = System(
        api_port,
        redis_port,
        Process("valkey", server_command(find_server(), redis_port, tmp_path), tmp_path),
        Process.of_module("api", "queue_api", tmp_path, **environment),
        [
            Process.of_module(f"worker{i}", "queue_worker", tmp_path, **environment)
            for i in range(2)
        ],
    )
    await system.start()
    yield system
    await system.stop()
