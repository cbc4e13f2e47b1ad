"""Every screen in a real browser, wide and narrow, light and dark."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from .conftest import OpenPage, until_it_fits
from .dashboards import Site
from .screens import SCREENS, TITLES

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

WIDE, NARROW = ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844)
LOOKS: list[tuple[ViewportSize, Literal["light", "dark"]]] = [
    (WIDE, "light"), (WIDE, "dark"), (NARROW, "light"),
]  # fmt: skip


async def violations(page: Page) -> list[str]:
    """Return what axe finds, with the element it finds it at."""
    found = await Axe().run(page)
    return [
        f"{one['id']}: {node['target']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen(screen: str, site: Site, open_page: OpenPage) -> None:
    """A screen has its heading, fits 1,280 and 390 pixels, and axe finds nothing, light or dark."""
    page = await open_page(site.open.url + SCREENS[screen](site), viewport=WIDE)

    assert (await page.inner_text("h1")).startswith(TITLES[screen])
    for viewport, scheme in LOOKS:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)
        await until_it_fits(page)
        assert await violations(page) == [], (viewport, scheme)


async def test_the_login(site: Site, open_page: OpenPage) -> None:
    """The login page stands axe's checks too."""
    page = await open_page(site.asking.url)

    assert await page.inner_text("h1") == "Log in"
    assert await violations(page) == []


async def test_the_charts_are_drawn(site: Site, open_page: OpenPage) -> None:
    """The overview draws three charts from the API's series."""
    page = await open_page(site.open.url)

    await expect(page.locator("[data-chart] canvas")).to_have_count(3)


@pytest.mark.parametrize("screen", SCREENS)
async def test_reading_without_script(screen: str, site: Site, open_page: OpenPage) -> None:
    """With script turned off each screen has its heading, its content, and nothing that is dead."""
    page = await open_page(site.open.url + SCREENS[screen](site), java_script_enabled=False)

    assert (await page.inner_text("h1")).startswith(TITLES[screen])
    assert await page.locator("main .card").count() > 0
    assert await page.locator("[data-copy]:visible, #pulse:visible").count() == 0


async def test_a_form_is_sent_without_script(site: Site, open_page: OpenPage) -> None:
    """With script turned off a task is sent by the form, and its page is shown."""
    page = await open_page(f"{site.open.url}/send", java_script_enabled=False)

    await page.fill("#f-url", f"{site.destination}/fine")
    await page.click("main button.primary")

    assert "/tasks/" in page.url
    assert await page.inner_text("[role=status]") == "The task was accepted."


async def test_below_a_path(site: Site, open_page: OpenPage) -> None:
    """Below a path every link, file and form of a page stays below it."""
    page = await open_page(f"{site.below.url}/start")

    own = await page.evaluate(
        "[...document.querySelectorAll('a[href], form[action], link[href], script[src], [hx-get]')]"
        ".map(e => e.getAttribute('href') ?? e.getAttribute('action') ?? e.getAttribute('src')"
        " ?? e.getAttribute('hx-get')).filter(u => !u.startsWith('#'))"
    )
    assert [url for url in own if not url.startswith("/ui/")] == []
    await page.click("text=Tasks >> nth=0")
    await page.wait_for_url("**/ui/tasks")
    await page.fill("#find", site.tasks["dead"])
    await page.press("#find", "Enter")
    await page.wait_for_url(f"**/ui/tasks/{site.tasks['dead']}*")
