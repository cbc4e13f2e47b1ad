"""Content that tries to be more than text."""

from __future__ import annotations

import pytest

from .conftest import OpenPage, until_it_fits
from .dashboards import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize(
    "path", ["/tasks/{}", "/tasks/{}/replay", "/tasks", "/dead-letters", "/lanes"]
)
@pytest.mark.parametrize("viewport", [NARROW, {"width": 1280, "height": 860}], ids=["390", "1280"])
async def test_content_stays_text(
    path: str, viewport: dict[str, int], site: Site, open_page: OpenPage
) -> None:
    """HTML, script, direction marks, NULs and lines of 1 MB change neither page nor layout."""
    url = site.open.url + path.format(site.tasks["hostile"])
    page = await open_page(url, viewport=viewport)

    assert await page.title() != "owned"
    assert await page.locator("main img, main script, main b").count() == 0
    assert "\u202e" not in await page.inner_text("main")
    await until_it_fits(page)


async def test_content_is_all_there(site: Site, open_page: OpenPage) -> None:
    """What is dangerous is shown as it was written, what is invisible is written out."""
    page = await open_page(f"{site.open.url}/tasks/{site.tasks['hostile']}")

    shown = await page.inner_text("main")
    for text in ("<script>", "</textarea>", "\\u202egnp.exe", "␀", "{{ 7 * 7 }}{% raw %}"):
        assert text in shown


async def test_a_large_body_is_a_download(site: Site, open_page: OpenPage) -> None:
    """A page shows the beginning of a large body; the rest is a file, never a page."""
    page = await open_page(f"{site.open.url}/tasks/{site.tasks['hostile']}")

    async with page.expect_download() as waiting:
        await page.click("text=Download")
    download = await waiting.value
    assert download.suggested_filename == "body"


async def test_an_event_is_text(site: Site, open_page: OpenPage) -> None:
    """The live tail shows a hostile task as text."""
    page = await open_page(f"{site.open.url}/live?label=hostile:yes")
    await page.wait_for_selector("#pulse[data-live=on]")
    async with site.client() as client:
        lane = "<img src=x onerror=\"document.title='owned'\">\u202e"
        await client.send(f"{site.destination}/fine", lane=lane, labels={"hostile": "yes"})

    await page.wait_for_selector("#tail tr")
    assert await page.locator("#tail img").count() == 0
    assert "<img src=x" in await page.inner_text("#tail")
    assert "\\u202e" in await page.inner_text("#tail")
    assert await page.title() != "owned"
