"""Lists and the find box: what is asked for is shown, and what cannot be meant is named."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from . import hostile
from .conftest import LATER, ONCE, OpenPage
from .dashboards import USER_HEADER, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("label=a", "label"), ("outcome=bad", "outcome"), ("state=none", "state"),
        ("created_after=soon", "created_after"), ("status_code=5xx", "status_code"),
    ],
)  # fmt: skip
async def test_a_wrong_filter_is_named_in_the_form(
    query: str, named: str, site: Site, open_page: OpenPage
) -> None:
    """A filter that cannot be meant is named above the form, which still has all its fields."""
    page = await open_page(f"{site.open.url}/tasks?{query}&lane=kept", quiet=False)

    await expect(page.locator("[role=alert]")).to_contain_text(named)
    await expect(page.locator("#f-lane")).to_have_value("kept")
    await expect(page.locator("nav >> text=Overview")).to_be_visible()


async def test_a_group_leads_to_its_own_tasks(site: Site, open_page: OpenPage) -> None:
    """A group of dead letters leads to the tasks with its status, and to no others."""
    async with site.client() as client:
        for path in ("/gone", "/gone", hostile.PATH):
            sent = await client.send(f"{site.destination}{path}", retry=ONCE, lane="two ends")
            await client.wait(sent.task_id, timeout=30)
    page = await open_page(f"{site.open.url}/dead-letters?lane=two+ends")

    await page.locator("tr", has_text="410").locator("[data-row]").click()

    await page.wait_for_url("**/tasks?*status_code=410*")
    await expect(page.locator("[data-row]")).to_have_count(2)
    await expect(page.locator("#f-status_code")).to_have_value("410")


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("localhost:22521/broken", "/tasks?url_prefix=http%3A%2F%2Flocalhost%3A22521%2Fbroken"),
        ("hang", "/lane?name=hanging"), ("customer:42", "/tasks?label=customer%3A42"),
    ],
)  # fmt: skip
async def test_find_offers_what_a_text_may_mean(
    text: str, link: str, site: Site, open_page: OpenPage
) -> None:
    """A text that is no id and no key of a task leads to the lanes, URLs and labels it may mean."""
    page = await open_page(site.open.url)
    await page.fill("#find", text)
    await page.press("#find", "Enter")

    await expect(page.locator(f"main a[href='{link}']")).to_have_count(1)


async def test_find_explains_a_part_of_an_id(site: Site, open_page: OpenPage) -> None:
    """A part of a task's id finds nothing, and the page says that the whole is needed."""
    page = await open_page(f"{site.open.url}/find?q={site.tasks['dead'][:8]}")

    assert "whole id" in await page.inner_text("main")


async def test_the_preview_counts_what_it_does_not_list(site: Site, open_page: OpenPage) -> None:
    """Of a policy with thousands of attempts the first are listed, and all are counted."""
    query = "strategy=constant&interval=10s&deadline=24h"
    page = await open_page(f"{site.open.url}/retry-preview?{query}")
    assert "About 8,6" in await page.inner_text("#attempts")
    await page.goto(f"{site.open.url}/retry-preview?{query}&max_attempts=40")
    assert "About 40 attempts" in await page.inner_text("#attempts")
    await page.goto(f"{site.open.url}/retry-preview?{query}&max_attempts=1")
    assert (await page.inner_text("#attempts")).startswith("1 attempt.")


async def test_the_commands_are_valid(site: Site, open_page: OpenPage) -> None:
    """A URL with quotes makes a Python program that can be compiled."""
    page = await open_page(f"{site.open.url}/start?url=https://example.com/it's%22quoted%22")

    program = await page.locator("[aria-label='A Python program']").inner_text()
    compile(program, "program", "exec")
    assert "it's" in program


async def test_a_row_opens_its_task_by_its_url(site: Site, open_page: OpenPage) -> None:
    """In the list a task's URL leads to its page, and is there in full to be read."""
    page = await open_page(f"{site.open.url}/tasks?state=dead&label=customer:43")
    link = page.locator("td.url a")

    assert f"{site.destination}/down" in (await link.get_attribute("title") or "")
    await link.click()
    await page.wait_for_url(f"**/tasks/{site.tasks['dead']}")


async def test_heads(site: Site) -> None:
    """Who asks for the head of a page gets it without the page."""
    async with httpx.AsyncClient(base_url=site.open.url, headers={USER_HEADER: "ada"}) as http:
        answer = await http.head("/")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_nothing_is_live_where_nothing_changes(site: Site, open_page: OpenPage) -> None:
    """A page without live parts has no pulse."""
    page = await open_page(f"{site.open.url}/send")
    await page.goto(f"{site.open.url}/keys")

    await expect(page.locator("#pulse")).to_be_hidden()


async def test_the_overview_counts_failing_lanes(site: Site, open_page: OpenPage) -> None:
    """A lane whose attempts fail is counted on the overview and listed as in trouble."""
    async with site.client() as client:
        for _ in range(3):
            await client.send(f"{site.destination}{hostile.PATH}", retry=LATER, lane="all fail")
    page = await open_page(site.open.url)

    lanes = page.locator(".number", has_text="Lanes")
    await expect(lanes).to_contain_text("failing", timeout=20_000)
    await expect(page.locator("#trouble tr", has_text="all fail")).to_contain_text(
        "failing", timeout=20_000
    )
