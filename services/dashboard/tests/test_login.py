"""Who may come in, and what they are offered."""

from __future__ import annotations

import pytest

from .conftest import OpenPage
from .dashboards import ROOT_KEY, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def key_of(site: Site, *scopes: str) -> str:
    async with site.client() as client:
        made = await client.create_key(project="default", name="tests", scopes=[*scopes])
        return made.key


async def test_a_key_logs_in_and_out(site: Site, open_page: OpenPage) -> None:
    """A key opens the page that was asked for; logging out closes it again."""
    page = await open_page(f"{site.asking.url}/lanes?sort=name")
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")

    assert page.url == f"{site.asking.url}/lanes?sort=name"
    cookies = await page.context.cookies()
    (cookie,) = [one for one in cookies if one["name"] == "queue_dashboard"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert ROOT_KEY not in cookie["value"]

    await page.click("text=Log out")
    await page.goto(f"{site.asking.url}/lanes")
    assert await page.inner_text("h1") == "Log in"


async def test_an_unknown_key_is_refused(site: Site, open_page: OpenPage) -> None:
    """A key that the API does not know does not come in."""
    page = await open_page(site.asking.url, quiet=False)
    await page.fill("#key", "qk_aaaaaaaaaaaa_" + "b" * 43)
    await page.click("button.primary")

    assert "does not know this key" in await page.inner_text("[role=alert]")


async def test_a_reader_is_not_offered_what_changes(site: Site, open_page: OpenPage) -> None:
    """With the scope read alone no button changes anything, and no bodies are shown."""
    page = await open_page(site.asking.url, quiet=False)
    await page.fill("#key", await key_of(site, "read"))
    await page.click("button.primary")
    await page.goto(f"{site.asking.url}/tasks/{site.tasks['dead']}")

    forms = page.locator("main form[method=post]")
    assert await forms.count() == 0
    assert await page.locator("text=Replay").count() == 0
    assert await page.locator("nav >> text=Keys").count() == 0
    assert await page.locator("nav >> text=Send a task").count() == 0
    assert "sees the request" in await page.inner_text("main")
    answer = await page.goto(f"{site.asking.url}/keys")
    assert answer is not None
    assert answer.status == 403
    assert "admin" in await page.inner_text("main")


async def test_a_sender_sees_the_form_alone(site: Site, open_page: OpenPage) -> None:
    """With the scope enqueue alone the first page is the one for sending, and it works."""
    page = await open_page(site.asking.url)
    await page.fill("#key", await key_of(site, "enqueue"))
    await page.click("button.primary")

    assert await page.inner_text("h1") == "Send a task"
    await page.fill("#f-url", f"{site.destination}/fine")
    await page.click("main button.primary")
    assert await page.inner_text("[role=status]") == "The task is in the queue."


async def test_a_revoked_key_is_asked_for_again(site: Site, open_page: OpenPage) -> None:
    """Once its key is revoked a session ends at the login, which says why."""
    key = await key_of(site, "read")
    page = await open_page(site.asking.url)
    await page.fill("#key", key)
    await page.click("button.primary")
    async with site.client() as client:
        await client.delete_key(key.split("_")[1])

    await page.goto(f"{site.asking.url}/tasks")

    assert await page.inner_text("h1") == "Log in"
    assert "does not know this key any more" in await page.inner_text("[role=status]")


async def test_a_link_of_another_site_leads_in(site: Site, open_page: OpenPage) -> None:
    """Who is logged in stays so when a link of another site leads here."""
    # The browser asks the other site for an icon that it does not have.
    page = await open_page(site.asking.url, quiet=False)
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")

    elsewhere = site.destination.replace("127.0.0.1", "localhost")
    await page.goto(f"{elsewhere}/page")
    await page.evaluate("url => { location.href = url }", f"{site.asking.url}/tasks")

    await page.wait_for_selector("h1:has-text('Tasks')")
