"""Open pages while the API is away, and once it is back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from queue_client import AsyncQueueClient
from queue_testing import RedisServer, wait_until
from queue_testing.system import System

from .conftest import OpenPage
from .dashboards import ROOT_KEY, Dashboard, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
SLOW = 40_000


@pytest_asyncio.fixture(loop_scope="session")
async def away(
    redis_server: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[System, Dashboard, AsyncQueueClient]]:
    """An API that can be stopped, without worker, with a task that waits; and a dashboard."""
    system = System(tmp_path, redis_server.address)
    async with AsyncExitStack() as stack:
        stack.callback(system.stop)
        await system.start("api")
        dashboard = await Dashboard(tmp_path, system.url).start()
        stack.callback(dashboard.stop)
        client = await stack.enter_async_context(AsyncQueueClient(system.url))
        await client.send("http://127.0.0.1:9/first", lane="first")
        yield system, dashboard, client


async def pulse_is(page: Page, text: str) -> None:
    await expect(page.locator("#pulse")).to_have_text(text, timeout=SLOW)


async def test_an_outage_takes_nothing_from_open_pages(
    away: tuple[System, Dashboard, AsyncQueueClient], open_page: OpenPage
) -> None:
    """Pages keep what they show while the API is away, say so, and go on when it is back."""
    system, dashboard, client = away
    overview = await open_page(dashboard.url, quiet=False)
    lanes = await open_page(f"{dashboard.url}/lanes", quiet=False)
    tail = await open_page(f"{dashboard.url}/live", quiet=False)
    for page in (overview, lanes, tail):
        await pulse_is(page, "Live")

    system.kill("api")
    for page in (overview, lanes, tail):
        await pulse_is(page, "No connection")
    await expect(overview.locator(".number")).to_have_count(6)
    await expect(lanes.locator("#lanes tbody tr")).to_have_count(1)

    await system.start("api")
    for page in (overview, lanes, tail):
        await pulse_is(page, "Live")
    await client.send("http://127.0.0.1:9/second", lane="second")
    await expect(lanes.locator("#lanes tbody tr")).to_have_count(2, timeout=SLOW)
    await expect(tail.locator("#tail tr", has_text="/second")).to_have_count(1, timeout=SLOW)


async def test_an_api_that_hangs_is_away(
    away: tuple[System, Dashboard, AsyncQueueClient], open_page: OpenPage
) -> None:
    """While the API takes requests but answers none, pages say so, and new ones do not hang."""
    system, dashboard, _ = away
    tail = await open_page(f"{dashboard.url}/live", quiet=False)
    await pulse_is(tail, "Live")
    page = await open_page(f"{dashboard.url}/retry-preview", quiet=False)

    system.freeze("api")
    try:
        began = time.monotonic()
        await page.goto(f"{dashboard.url}/tasks")
        assert time.monotonic() - began < 12
        await expect(page.locator("h1")).to_have_text("The API cannot be reached")
        await pulse_is(tail, "No connection")
    finally:
        system.thaw("api")
    await pulse_is(tail, "Live")


async def test_a_revoked_key_empties_no_page(site: Site, open_page: OpenPage) -> None:
    """A page that is open when its key is revoked keeps its content and says that it has ended."""
    async with site.client() as client:
        made = await client.create_key(project="default", name="ends", scopes=["read"])
        page = await open_page(site.asking.url, quiet=False)
        await page.fill("#key", made.key)
        await page.click("button.primary")
        await expect(page.locator(".number")).to_have_count(6)
        await client.delete_key(made.id)

    await pulse_is(page, "Session ended")
    await expect(page.locator(".number")).to_have_count(6)
    await page.click("#pulse")
    await expect(page.locator("h1")).to_have_text("Log in")


async def test_a_tail_shows_what_came_during_the_pause(site: Site, open_page: OpenPage) -> None:
    """What happens while the tail is paused is shown when it goes on."""
    page = await open_page(f"{site.open.url}/live?label=held:yes")
    await pulse_is(page, "Live")
    await page.click("#pulse")
    async with site.client(ROOT_KEY) as client:
        sent = await client.send(f"{site.destination}/fine", labels={"held": "yes"})
        await client.wait(sent.task_id, timeout=30)
        other = await open_page(f"{site.open.url}/live?label=held:yes")

        async def told() -> bool:
            # A worker tells of a delivery a moment after the task shows it.
            await other.reload()
            return await other.locator("#tail >> text=task.delivered").count() == 1

        await wait_until(told, "the delivery is told", 30, every_seconds=0.5)
    await expect(page.locator("#tail tr")).to_have_count(0)

    await page.click("#pulse")

    await expect(page.locator("#tail >> text=task.delivered")).to_have_count(1, timeout=SLOW)


async def test_a_tail_has_one_clock(site: Site, open_page: OpenPage) -> None:
    """A row has the same time before and after the page is loaded again."""
    page = await open_page(
        f"{site.open.url}/live?label=clock:yes", timezone_id="America/Los_Angeles"
    )
    await pulse_is(page, "Live")
    async with site.client() as client:
        await client.send(f"{site.destination}/fine", labels={"clock": "yes"})
    row = page.locator("#tail tr", has_text="task.delivered")
    await expect(row).to_have_count(1)
    before = await row.locator("time").inner_text()

    await page.reload()

    await expect(row.locator("time")).to_have_text(before)
