"""Who may come in, and what they are offered."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from queue_dashboard.access.session import Session, SessionCookies

from .conftest import OpenPage
from .dashboards import ROOT_KEY, SECRET, Site

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
    assert await page.inner_text("[role=status]") == "The task was accepted."


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


async def test_a_bad_project_locks_nobody_out(site: Site, open_page: OpenPage) -> None:
    """A name that no project can have is refused, and the pages go on with the project before."""
    page = await open_page(site.asking.url, quiet=False)
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")
    await page.fill("#project", "Billing")
    await page.click(".who button:text-is('Show')")

    assert "should be 1 to 63 characters" in await page.inner_text("main")
    await page.click("text=To the overview")
    await expect(page.locator("h1")).to_have_text("Overview")
    await expect(page.locator("#project")).to_have_value("default")


async def test_a_session_that_the_api_refuses_can_end(site: Site) -> None:
    """The page of a problem offers to log out, if the API refuses all that the session asks."""
    sealed = SessionCookies(SecretStr(SECRET), "/")
    response = Response()
    request = Request(
        {"type": "http", "scheme": "http", "headers": [], "path": "/", "server": ("h", 1)}
    )
    sealed.write(request, response, Session("token-of-forms", ROOT_KEY, project="Not A Name"))
    cookie = response.headers["set-cookie"].partition(";")[0]
    async with httpx.AsyncClient(base_url=site.asking.url, headers={"Cookie": cookie}) as http:
        page = await http.get("/")
        assert page.status_code == 422
        assert "Log out" in page.text
        answer = await http.post("/logout", data={"csrf": "token-of-forms"})

    assert answer.headers["Location"] == "/login?said=logged-out"
    assert 'queue_dashboard=""' in answer.headers["Set-Cookie"]


async def test_a_wrong_key_does_not_lose_the_way(site: Site, open_page: OpenPage) -> None:
    """After a wrong key the right one still opens the page that was asked for."""
    page = await open_page(f"{site.asking.url}/lanes?sort=name", quiet=False)
    await page.fill("#key", "qk_aaaaaaaaaaaa_" + "b" * 43)
    await page.click("button.primary")
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")

    await page.wait_for_url(f"{site.asking.url}/lanes?sort=name")


async def test_an_old_form_is_shown_anew(site: Site, open_page: OpenPage) -> None:
    """A login form whose session is gone is shown again, says so, and still knows the way."""
    page = await open_page(f"{site.asking.url}/lanes", quiet=False)
    await page.context.clear_cookies()
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")
    assert "too old" in await page.inner_text("[role=alert]")
    await page.fill("#key", ROOT_KEY)
    await page.click("button.primary")

    await page.wait_for_url(f"{site.asking.url}/lanes")
