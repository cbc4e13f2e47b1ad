from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from queue_common.testing import RedisServer, wait_until

from .conftest import Api

TASK = {"url": "http://localhost:9/x", "method": "GET"}


async def post(api: Api) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.post(f"{api.url}/api/v1/tasks", json=TASK)


async def test_a_lost_redis_is_503_until_it_is_back(
    api_at: Api, server_binary: Path, tmp_path: Path
) -> None:
    """With Redis killed a POST is 503 with Retry-After; once it is back the same API accepts."""
    server = RedisServer(server_binary, tmp_path, "--appendonly", "yes").start()
    api_at.environment["REDIS_ADDR"] = server.address
    await api_at.start()
    await api_at.until_alive()
    before = await post(api_at)

    server.kill()
    during = await post(api_at)
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"{api_at.url}/ready")
        health = await client.get(f"{api_at.url}/health")
    server.start()
    after = await post(api_at)
    server.stop()

    assert [r.status_code for r in (before, during, after)] == [201, 503, 201]
    assert during.headers["content-type"] == "application/problem+json"
    assert int(during.headers["retry-after"]) > 0
    assert (ready.status_code, health.status_code) == (503, 200)
    assert "Redis cannot be reached" in ready.json()["detail"]


async def test_it_starts_without_redis(api_at: Api) -> None:
    """An API whose Redis is not there yet is alive, and answers 503."""
    api_at.environment["REDIS_ADDR"] = "127.0.0.1:1"
    await api_at.start()
    await api_at.until_alive()

    assert (await post(api_at)).status_code == 503


async def test_sigterm_ends_it_with_0(api: Api) -> None:
    """SIGTERM ends the process in order."""
    assert await api.end() == 0


async def test_a_taken_port_is_one_sentence(api: Api, tmp_path: Path) -> None:
    """A second API on the same port says so, and nothing else."""
    directory = tmp_path / "second"
    directory.mkdir()
    second = Api(api.port, directory, api.environment)
    await second.start()

    assert second.process is not None
    assert await asyncio.wait_for(second.process.wait(), 30) == 1
    assert second.log() == f"API_PORT={api.port}: cannot listen on it: Address already in use\n"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("API_PORT", "70000", "API_PORT=70000: input should be less than or equal to 65535\n"),
        ("ENV", "staging", "ENV=staging: input should be 'development' or 'production'\n"),
        ("RESULT_TTL", "10", "RESULT_TTL=10: should be a duration such as 10s, 1m30s or 24h\n"),
    ],
)
async def test_a_bad_variable_ends_it_at_start(
    api_at: Api, variable: str, value: str, said: str
) -> None:
    """A bad value ends the process with the variable's name, its value and what is allowed."""
    api_at.environment[variable] = value
    await api_at.start()

    assert await api_at.end_by_itself() == 2
    assert api_at.log() == said


async def test_a_body_over_the_limit_is_refused_while_it_is_read(api: Api) -> None:
    """A chunked body is refused as soon as it passes API_MAX_BODY, before its end has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    for _ in range(17):
        writer.write(chunk)
    status = await asyncio.wait_for(reader.readline(), 10)
    writer.close()

    assert status.startswith(b"HTTP/1.1 413 ")


async def test_each_accepted_task_is_one_log_line(api: Api) -> None:
    """An accepted task is logged as JSON with the words and fields of the original service."""
    task_id = (await post(api)).json()["task_id"]

    line = await wait_until(
        lambda: [li for li in api.log().splitlines() if task_id in li], "the line is there"
    )
    assert '"level":"info"' in line[0]
    assert '"msg":"Task enqueued successfully"' in line[0]
    assert '"timestamp":"20' in line[0]
