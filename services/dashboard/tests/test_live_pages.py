"""Pages that show what happens without being loaded again."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from queue_client import Retry
from queue_testing import wait_until

from .conftest import OpenPage
from .dashboards import ROOT_KEY, USER_HEADER, Dashboard, Site
from .relay import CountingRelay

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
PAGES = 50


async def test_the_tail_shows_what_happens(site: Site, open_page: OpenPage) -> None:
    """A task that is sent appears in the tail, accepted and delivered, and leads to its page."""
    page = await open_page(f"{site.open.url}/live?label=tail:yes")
    await page.wait_for_selector("#pulse[data-live=on]")
    async with site.client() as client:
        sent = await client.send(f"{site.destination}/fine", labels={"tail": "yes"})

    await page.wait_for_selector("#tail >> text=task.delivered")
    assert await page.locator("#tail >> text=task.accepted").count() == 1
    href = await page.get_attribute("#tail a", "href")
    assert href == f"/tasks/{sent.task_id}"


async def test_what_is_live_can_be_paused(site: Site, open_page: OpenPage) -> None:
    """While it is paused nothing appears in the tail; then it goes on."""
    page = await open_page(f"{site.open.url}/live?label=paused:yes")
    await page.wait_for_selector("#pulse[data-live=on]")
    await page.press("body", "p")
    await page.wait_for_selector("#pulse[data-live=paused]")
    async with site.client() as client:
        first = await client.send(f"{site.destination}/fine", labels={"paused": "yes"})
        await client.wait(first.task_id, timeout=30)
        assert await page.locator("#tail tr").count() == 0
        await page.click("#pulse")
        await page.wait_for_selector("#pulse[data-live=on]")
        await client.send(f"{site.destination}/fine", labels={"paused": "yes"})

    await page.wait_for_selector("#tail >> text=task.delivered")


async def test_the_first_task_appears(site: Site, open_page: OpenPage) -> None:
    """The first steps have the user's own URL, and a task that is sent appears below them."""
    page = await open_page(f"{site.open.url}/start")
    await page.fill("#f-url", f"{site.destination}/mine")
    await page.click("main button.primary")
    await page.wait_for_selector("#pulse[data-live=on]")

    commands = await page.inner_text("main")
    assert commands.count(f"{site.destination}/mine") >= 3
    async with site.client() as client:
        await client.send(f"{site.destination}/mine")
    await page.wait_for_selector("#tail tr >> text=/mine")


async def test_a_task_page_follows_its_task(site: Site, open_page: OpenPage) -> None:
    """The page of a task shows its new state by itself, and offers what can then be done."""
    async with site.client() as client:
        later = Retry(strategy="constant", interval="1h")
        sent = await client.send(f"{site.destination}/down", retry=later, lane="follows")

        page = await open_page(f"{site.open.url}/tasks/{sent.task_id}")
        await page.wait_for_selector("[data-state=scheduled]")
        await page.wait_for_selector("#pulse[data-live=on]")
        await expect(page.locator("summary:has-text('Cancel')")).to_have_count(1)
        await client.cancel_task(sent.task_id)

    await page.wait_for_selector("[data-state=cancelled]")
    await expect(page.locator("summary:has-text('Cancel')")).to_have_count(0)
    await expect(page.locator("[data-copy]").first).to_be_visible()


async def test_a_lane_page_follows_its_lane(site: Site, open_page: OpenPage) -> None:
    """If somebody else resumes a lane, its page says so and offers to pause it."""
    async with site.client() as client:
        await client.send(f"{site.destination}/fine", lane="elsewhere", delay="1h")
        page = await open_page(f"{site.open.url}/lane?name=elsewhere")
        await page.click("button:has-text('Pause')")
        await expect(page.locator("button:has-text('Resume')")).to_have_count(1)
        await client.resume_lane("elsewhere")

    await expect(page.locator("button:has-text('Pause')")).to_have_count(1, timeout=20_000)
    assert await page.inner_text("[role=status]") == "The lane was paused."


async def test_a_refused_limit_stays_in_the_form(site: Site, open_page: OpenPage) -> None:
    """What cannot be a limit is still in its field, and the page of the error is live."""
    async with site.client() as client:
        await client.send(f"{site.destination}/fine", lane="refused limit", delay="1h")
        page = await open_page(f"{site.open.url}/lane?name=refused+limit", quiet=False)
        await page.fill("#f-rate", "fast")
        await page.click("text=Set >> nth=-1")
        await expect(page.locator("[role=alert]")).to_contain_text("should be a number")
        await expect(page.locator("#f-rate")).to_have_value("fast")
        await client.pause_lane("refused limit")

    await expect(page.locator("button:has-text('Resume')")).to_have_count(1, timeout=20_000)


async def test_escape_closes_a_question(site: Site, open_page: OpenPage) -> None:
    """A question whose button says what it does is closed by Escape, or by a click elsewhere."""
    page = await open_page(f"{site.open.url}/tasks/{site.tasks['scheduled']}")
    sure = page.locator("button.danger:has-text('Cancel the task')")
    await page.click("summary:has-text('Cancel')")
    await expect(sure).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(sure).to_be_hidden()
    await page.click("summary:has-text('Cancel')")
    await page.click("h1")
    await expect(sure).to_be_hidden()


async def test_many_pages_cost_the_api_one_reader(site: Site, tmp_path: Path) -> None:
    """With 50 pages open the API has one stream of events, and each page gets each event."""
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(CountingRelay(int(site.api_url.rpartition(":")[2])))
        header = {"DASHBOARD_TRUSTED_HEADER": USER_HEADER, "DASHBOARD_API_KEY": ROOT_KEY}
        dashboard = await Dashboard(tmp_path, relay.url, **header).start()
        stack.callback(dashboard.stop)
        http = await stack.enter_async_context(
            httpx.AsyncClient(headers={USER_HEADER: "ada"}, timeout=60, limits=httpx.Limits())
        )
        got = [asyncio.Event() for _ in range(PAGES)]
        pages = [asyncio.create_task(_listen(http, dashboard.url, event)) for event in got]
        try:
            await _send_until(site, got)
        finally:
            for page in pages:
                page.cancel()
            await asyncio.gather(*pages, return_exceptions=True)

        assert relay.most == 1
        await wait_until(lambda: relay.streams == 0, "the stream ends after its last page", 30)


async def _listen(http: httpx.AsyncClient, url: str, got: asyncio.Event) -> None:
    query = {"label": "many:pages"}
    async with http.stream("GET", f"{url}/live/events", params=query) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                got.set()


async def _send_until(site: Site, got: list[asyncio.Event]) -> None:
    """Send tasks until every page has had an event: a page that opens late misses the first."""
    async with site.client() as client:

        async def all_have() -> bool:
            await client.send(f"{site.destination}/fine", labels={"many": "pages"})
            return all(event.is_set() for event in got)

        await wait_until(all_have, "each page has an event", 60, every_seconds=0.2)


async def test_a_stop_waits_for_no_live_page(site: Site, tmp_path: Path) -> None:
    """SIGTERM ends a dashboard with open live pages at once, with exit code 0."""
    header = {"DASHBOARD_TRUSTED_HEADER": USER_HEADER, "DASHBOARD_API_KEY": ROOT_KEY}
    dashboard = await Dashboard(tmp_path, site.api_url, **header).start()
    async with (
        httpx.AsyncClient(headers={USER_HEADER: "ada"}, timeout=30) as http,
        http.stream("GET", f"{dashboard.url}/live/events") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        began = time.monotonic()
        assert await asyncio.to_thread(dashboard.stop) == 0

    assert time.monotonic() - began < 15
    assert "Finished server process" in dashboard.log()
