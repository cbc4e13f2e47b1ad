"""SAQ's web page and command line on our queue."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from saq.web.aiohttp import create_app

from queue_common.queue import TaskQueue
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import State, TaskId
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task

SETTINGS = """
from queue_common.queue import TaskQueue
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings, RedisSettings

tasks = TaskQueue(RedisSettings(redis_addr="{address}"), QueueSettings(queue_name="{name}"))
queue = SaqQueue(tasks)
settings = {{"queue": queue, "functions": [], "concurrency": 1}}
"""


@pytest.fixture
async def page(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of SAQ's page, served over a real socket."""
    runner = web.AppRunner(create_app([SaqQueue(TaskQueue(redis_settings, queue_settings))]))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    await runner.cleanup()


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    assert response.status == 200
    found: dict[str, Any] = await response.json()
    assert "error" not in found
    return found


async def test_pages_are_served(page: aiohttp.ClientSession, queue_settings: QueueSettings) -> None:
    """The overview, a queue's page and the health check respond."""
    for path in ("/", f"/queues/{queue_settings.queue_name}", "/health", "/static/app.js"):
        async with page.get(path) as response:
            assert response.status == 200


async def test_queue_is_shown_with_its_tasks(
    page: aiohttp.ClientSession, scripted: ScriptedQueue, queue_settings: QueueSettings
) -> None:
    """Counts and waiting tasks are shown, without what may be secret."""
    await scripted.submit("1", a_task("http://a.test/x?token=secret", body=b"secret"))
    await scripted.submit("2", a_task(), delay_ms=60_000)
    async with page.get("/api/queues") as response:
        (overview,) = (await _json(response))["queues"]
    async with page.get(f"/api/queues/{queue_settings.queue_name}") as response:
        shown = (await _json(response))["queue"]

    assert (overview["queued"], overview["scheduled"], overview["active"]) == (1, 1, 0)
    assert {job["key"] for job in shown["jobs"]} == {"1", "2"}
    assert "secret" not in str(shown)


async def test_job_is_shown(
    page: aiohttp.ClientSession, scripted: ScriptedQueue, queue_settings: QueueSettings
) -> None:
    """A task's page shows its function, state and destination."""
    await scripted.submit("1", a_task("http://a.test/x?token=secret"))
    async with page.get(f"/api/queues/{queue_settings.queue_name}/jobs/1") as response:
        job = (await _json(response))["job"]

    assert (job["function"], job["status"]) == ("deliver", "queued")
    assert "http://a.test/x" in job["kwargs"]
    assert "secret" not in str(job)


async def test_scheduled_task_is_retried_from_the_page(
    page: aiohttp.ClientSession, scripted: ScriptedQueue, queue_settings: QueueSettings
) -> None:
    """The page's retry button runs a scheduled task now."""
    await scripted.submit("1", a_task(), delay_ms=60_000)
    async with page.post(f"/api/queues/{queue_settings.queue_name}/jobs/1/retry") as response:
        await _json(response)

    assert (await scripted.reader.record("1")).state is State.QUEUED
    await scripted.inspector.check()


async def test_task_is_aborted_from_the_page(
    page: aiohttp.ClientSession, scripted: ScriptedQueue, queue_settings: QueueSettings
) -> None:
    """The page's abort button cancels a waiting task."""
    await scripted.submit("1", a_task())
    async with page.post(f"/api/queues/{queue_settings.queue_name}/jobs/1/abort") as response:
        await _json(response)

    assert (await scripted.reader.get_task(TaskId("1"))).state is State.CANCELLED
    await scripted.inspector.check()


async def test_unknown_job_is_told(
    page: aiohttp.ClientSession, queue_settings: QueueSettings
) -> None:  # fmt: skip
    """SAQ's page says so when there is no such job."""
    async with page.get(f"/api/queues/{queue_settings.queue_name}/jobs/nothing") as response:
        found = await response.json()

    assert "Job nothing not found" in found["error"]


async def test_settings_that_come_with_the_package_start_the_page(
    saq_queue: SaqQueue, redis_settings: RedisSettings, queue_settings: QueueSettings,
    scripted: ScriptedQueue, tmp_path: Path,
) -> None:  # fmt: skip
    """``saq queue_common.saq_adapter.settings --web`` shows the queue, and takes no task of it."""
    await scripted.submit("1", a_task())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"], "REDIS_ADDR": redis_settings.redis_addr,
        "QUEUE_NAME": queue_settings.queue_name,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "saq", "queue_common.saq_adapter.settings", "--web",
        "--port", str(port), cwd=tmp_path, env=environment,
    )  # fmt: skip
    overview: dict[str, Any] = {}

    async def shown() -> bool:
        nonlocal overview
        try:
            async with session.get(f"http://127.0.0.1:{port}/api/queues") as response:
                (overview,) = (await _json(response))["queues"]
        except aiohttp.ClientConnectionError:
            return False
        return bool(overview["workers"])

    async with aiohttp.ClientSession() as session:
        await wait_until(shown, "the page shows the process itself")
    process.terminate()
    await process.wait()

    assert overview["queued"] == 1
    assert await saq_queue.count("active") == 0


async def _check(directory: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "saq", "their_settings.settings", "--check", cwd=directory,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


async def test_command_line_check_sees_a_worker(
    tmp_path: Path,
    saq_queue: SaqQueue,
    redis_settings: RedisSettings,
    queue_settings: QueueSettings,
) -> None:
    """``python -m saq … --check`` exits 0 while a worker tells of itself, and 1 without one."""
    text = SETTINGS.format(address=redis_settings.redis_addr, name=queue_settings.queue_name)
    (tmp_path / "their_settings.py").write_text(text)
    without = await _check(tmp_path)
    await saq_queue.worker_info("worker", queue_settings.queue_name, ttl=60)
    with_one = await _check(tmp_path)

    assert (without, with_one) == (1, 0)
