from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from queue_common.queue.storage.reply_deadline import REPLY_SECONDS
from queue_testing import RedisServer, wait_until

from .conftest import Api

TASK = {"url": "http://localhost:9/x", "method": "GET"}


async def post(api: Api) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.post(f"{api.url}/api/v1/tasks", json=TASK)


async def get(api: Api, path: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.get(f"{api.url}{path}")


async def test_a_lost_redis_is_503_until_it_is_back(
    api_at: Api, start_server: Callable[..., RedisServer]
) -> None:
    """If Redis dies, all routes except /health return 503 with Retry-After, until it is back."""
    server = start_server("--appendonly", "yes")
    await api_at.start_on(server)
    before = await post(api_at)

    server.kill()
    during = [
        await post(api_at), await get(api_at, before.headers["location"]),
        await get(api_at, "/ready"),
    ]  # fmt: skip
    health = await get(api_at, "/health")
    server.start()
    after = await post(api_at)
    ready = await get(api_at, "/ready")

    assert [r.status_code for r in (before, health, after, ready)] == [201, 200, 201, 200]
    for response in during:
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["detail"] == "Redis cannot be reached"
    assert server.address in api_at.log()


async def _exchange(api: Api, request: bytes) -> tuple[bytes, float]:
    """Return the head of a response, and the seconds until it came."""
    async with api.connection() as (reader, writer):
        writer.write(request)
        begin = time.monotonic()
        return await reader.readuntil(b"\r\n\r\n"), time.monotonic() - begin


@pytest.mark.timeout(90)
async def test_a_silent_redis_is_503_for_all_who_wait(
    api_at: Api, start_server: Callable[..., RedisServer]
) -> None:
    """None of 500 concurrent clients waits for another's timeout, and all work afterwards."""
    server = start_server()
    await api_at.start_on(server)
    before = await post(api_at)
    paths = (before.headers["location"], "/ready")
    body = json.dumps(TASK).encode()
    head = "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    posting = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    getting = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    server.pause()
    responses = await asyncio.gather(*(_exchange(api_at, r) for r in [posting] * 500 + getting))
    server.resume()
    after = [await post(api_at), *[await get(api_at, path) for path in paths]]

    assert all(head.startswith(b"HTTP/1.1 503 ") for head, _ in responses)
    assert all(b"\r\nretry-after: " in head for head, _ in responses)
    # Batches of 200 that wait one behind another take three times as long as one.
    assert max(waited for _, waited in responses) < 2 * REPLY_SECONDS
    assert [r.status_code for r in after] == [201, 200, 200]
    assert after[1].json()["id"] == before.json()["task_id"]


async def test_a_full_redis_is_503(api_at: Api, start_server: Callable[..., RedisServer]) -> None:
    """A task for which Redis has no memory left is 503; its own words are in the log alone."""
    server = start_server("--maxmemory", "1")
    await api_at.start_on(server)
    response = await post(api_at)

    assert response.status_code == 503
    assert response.json()["detail"] == "Redis refuses writes: it is out of memory"
    assert "maxmemory" in api_at.log()
    assert "retry-after" in response.headers


async def test_it_starts_without_redis(api_at: Api) -> None:
    """An API without Redis is alive, and responds with 503."""
    api_at.environment["REDIS_ADDR"] = "127.0.0.1:1"
    api_at.start()
    await api_at.until_alive()

    assert (await post(api_at)).status_code == 503


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(api_at: Api, name: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the process in order."""
    api_at.start()
    await api_at.until_alive()
    assert api_at.process is not None
    api_at.process.send_signal(name)

    assert await api_at.until_ended() == 0
    assert "Traceback" not in api_at.log()


async def test_a_stop_finishes_what_is_open(api_at: Api) -> None:
    """A request that is on its way when SIGTERM comes still gets its response."""
    api_at.start()
    await api_at.until_alive()
    body = b'{"url": "http://localhost:9/x"}'
    async with api_at.connection() as (reader, writer):
        writer.write(
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n" % len(body)
        )
        # Its 100 shows that the request is in the application's hands.
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        api_at.terminate()
        await wait_until(lambda: "Shutting down" in api_at.log(), "the API has the signal")
        writer.write(body)
        response = await asyncio.wait_for(reader.read(), 10)

    assert response.startswith(b"HTTP/1.1 201 ")
    assert await api_at.until_ended() == 0


async def test_a_taken_port_is_one_sentence(api: Api, api_at: Api) -> None:
    """A second API on the same port says so, and nothing else."""
    api_at.environment["API_PORT"] = str(api.port)
    api_at.start()

    assert await api_at.until_ended() == 1
    assert api_at.log() == f"API_PORT={api.port}: cannot listen on it: Address already in use\n"


async def test_an_address_that_is_not_ours_is_one_sentence(api_at: Api) -> None:
    """An API_HOST that this machine does not have is named as the cause."""
    api_at.environment["API_HOST"] = "192.0.2.1"
    api_at.start()

    assert await api_at.until_ended() == 1
    assert api_at.log() == (
        "API_HOST=192.0.2.1: cannot listen on it: Cannot assign requested address\n"
    )


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("API_PORT", "70000", "API_PORT=70000: input should be less than or equal to 65535\n"),
        ("ENV", "staging", "ENV=staging: input should be 'development' or 'production'\n"),
        ("RESULT_TTL", "10", "RESULT_TTL=10: should be a duration such as 10s, 1m30s or 24h\n"),
        ("API_MAX_BODY", "0", "API_MAX_BODY=0: input should be greater than or equal to 1\n"),
        (
            "API_MAX_BODY", "much",
            "API_MAX_BODY=much: should be a number of bytes such as 1048576, 64MiB or 1.5GiB\n",
        ),
    ],
)  # fmt: skip
async def test_a_bad_variable_ends_it_at_start(
    api_at: Api, variable: str, value: str, said: str
) -> None:
    """A bad value ends the process with the variable's name, its value and what is allowed."""
    api_at.environment[variable] = value
    api_at.start()

    assert await api_at.until_ended() == 2
    assert api_at.log() == said


async def test_each_accepted_task_is_one_log_line(api: Api) -> None:
    """An accepted task is logged as JSON with the words and fields of the original service."""
    task_id = (await post(api)).json()["task_id"]

    line = await wait_until(
        lambda: [li for li in api.log().splitlines() if task_id in li], "the line is there"
    )
    assert len(line) == 1
    assert '"level":"info"' in line[0]
    assert '"msg":"Task enqueued successfully"' in line[0]
    assert '"timestamp":"20' in line[0]
