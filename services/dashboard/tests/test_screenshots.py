"""Pictures of the dashboard: `make screenshots` keeps them in docs/images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import ViewportSize, expect

from queue_client import AsyncQueueClient, TaskStatus
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .conftest import OpenPage
from .dashboards import Dashboard
from .traffic import send_traffic

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]
MAX_BYTES = 200_000
WIDE, NARROW = ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844)
PAGES: dict[str, Callable[[str], str]] = {
    "dashboard-overview": lambda _: "/",
    "dashboard-tasks": lambda _: "/tasks?label=customer%3A42",
    "dashboard-task": lambda dead: f"/tasks/{dead}",
    "dashboard-dead-letters": lambda _: "/dead-letters",
    "dashboard-lanes": lambda _: "/lanes",
    "dashboard-start": lambda _: "/start?url=https%3A%2F%2Fhooks.example.com%2Forders",
}


async def _picture(
    open_page: OpenPage, url: str, picture: Path, size: ViewportSize,
    scheme: Literal["light", "dark"] = "light",
) -> None:  # fmt: skip
    page = await open_page(url, viewport=size, color_scheme=scheme)
    if await page.locator("[data-chart]").count():
        await expect(page.locator("[data-chart] canvas")).to_have_count(3)
    await page.screenshot(path=picture, full_page=size is WIDE and "/tasks?" not in url)
    await page.close()


async def test_pictures(server_binary: Path, tmp_path: Path, open_page: OpenPage) -> None:
    """Each page has a picture, light, dark and narrow, that is small enough to be kept."""
    kept = os.environ.get("SCREENSHOTS")
    pictures = Path(kept) if kept else tmp_path
    trace = "http://localhost:16686/trace/{trace_id}"
    server = RedisServer(server_binary, tmp_path, "--appendonly", "yes").start()
    system = System(tmp_path, server.address, TRACE_URL_TEMPLATE=trace)
    await system.start()
    dashboard = await Dashboard(
        tmp_path, system.url, DASHBOARD_PUBLIC_API_URL="http://localhost:8080"
    ).start()
    try:
        async with Receiver() as receiver, AsyncQueueClient(system.url) as client:
            await send_traffic(client, receiver, 250 if kept else 5)

            async def dead() -> list[TaskStatus]:
                return (await client.list_tasks(state="dead", limit=1)).tasks

            (example,) = await wait_until(dead, "a task is dead", 60)
            for name, path in PAGES.items():
                url = dashboard.url + path(example.id)
                await _picture(open_page, url, pictures / f"{name}.png", WIDE)
            await _picture(open_page, dashboard.url, pictures / "dashboard-dark.png", WIDE, "dark")
            narrow = pictures / "dashboard-narrow.png"
            await _picture(open_page, dashboard.url, narrow, NARROW)
    finally:
        dashboard.stop()
        system.stop()
        server.kill()

    for picture in pictures.glob("dashboard-*.png"):
        assert picture.stat().st_size < MAX_BYTES, picture.name
