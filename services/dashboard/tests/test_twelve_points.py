"""What users ask of a queue's dashboard, as a user does it."""

from __future__ import annotations

import uuid

import pytest
from playwright.async_api import Page

from queue_client import NotFoundError, Retry

from .conftest import OpenPage
from .dashboards import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
ONCE = Retry(max_attempts=1)


async def test_the_overview_counts(site: Site, open_page: OpenPage) -> None:
    """The overview has the numbers of the states, the workers and Redis' durability."""
    page = await open_page(site.open.url)

    shown = await page.inner_text("main")
    for text in ("queued", "active", "scheduled", "dead", "1 worker", "Durability"):
        assert text in shown


async def test_filters_are_in_the_url(site: Site, open_page: OpenPage) -> None:
    """The list's filters are in its URL, and only what matches is listed."""
    page = await open_page(f"{site.open.url}/tasks")
    await page.select_option("#f-state", "dead")
    await page.fill("#f-label", "customer:43")
    await page.click("main button.primary")

    assert "state=dead" in page.url
    assert "label=customer%3A43" in page.url
    links = await page.eval_on_selector_all("[data-row]", "all => all.map(a => a.href)")
    assert links == [f"{site.open.url}/tasks/{site.tasks['dead']}"]


async def test_pages_by_cursor(site: Site, open_page: OpenPage) -> None:
    """A list longer than a page goes on at the next, without a task twice."""
    label = f"page:{uuid.uuid4().hex[:8]}"
    key, _, value = label.partition(":")
    async with site.client() as client:
        for _ in range(53):
            await client.send(f"{site.destination}/fine", delay="1h", labels={key: value})

    page = await open_page(f"{site.open.url}/tasks?state=scheduled&label={label}")
    seen: list[str] = []
    while True:
        seen += await page.eval_on_selector_all("[data-row]", "all => all.map(a => a.href)")
        following = page.locator("a[rel=next]")
        if not await following.count():
            break
        await following.click()
        await page.wait_for_load_state()

    assert len(seen) == len(set(seen)) == 53


async def test_find(site: Site, open_page: OpenPage) -> None:
    """The box finds a task by its id, by its idempotency key and by the beginning of its URL."""
    page = await open_page(f"{site.open.url}/start")
    for text in (site.tasks["scheduled"], "order-7"):
        await page.press("body", "/")
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/tasks/{site.tasks['scheduled']}")
        await page.go_back()

    await page.fill("#find", f"{site.destination}/down")
    await page.press("#find", "Enter")
    await page.wait_for_url("**/tasks?url_prefix=*")
    links = await page.eval_on_selector_all("[data-row]", "all => all.map(a => a.href)")
    assert f"{site.open.url}/tasks/{site.tasks['dead']}" in links
    assert f"{site.open.url}/tasks/{site.tasks['delivered']}" not in links


async def test_a_task_tells_all(site: Site, open_page: OpenPage) -> None:
    """A task's page has request, attempts with phases and answer, timeline, trace and curl."""
    page = await open_page(f"{site.open.url}/tasks/{site.tasks['dead']}")

    await page.click("text=Response")
    shown = await page.inner_text("main")
    for text in ("dead", "503", "127.0.0.1", "down for repairs", "customer:43", "curl --request"):
        assert text in shown
    assert await page.locator("svg.line rect.failed").count() == 1
    assert await page.locator("svg.phases rect").count() >= 1
    href = await page.get_attribute("text=Trace >> nth=0", "href")
    assert href is not None
    assert href.startswith("http://localhost:16686/trace/")


async def test_dead_letters_are_grouped(site: Site, open_page: OpenPage) -> None:
    """Dead letters come by lane and outcome; a group leads to its tasks."""
    page = await open_page(f"{site.open.url}/dead-letters")

    group = page.locator("tr", has_text="503")
    assert "http error" in await group.inner_text()
    await group.locator("[data-row]").click()
    await page.wait_for_url("**/tasks?state=dead*")
    assert await page.locator("[data-row]").count() >= 1


async def test_bulk_on_all_that_match(site: Site, open_page: OpenPage) -> None:
    """An operation on all tasks of a filter is started, watched to its end, and listed."""
    label = f"bulk:{uuid.uuid4().hex[:8]}"
    key, _, value = label.partition(":")
    async with site.client() as client:
        for _ in range(5):
            sent = await client.send(f"{site.destination}/gone", retry=ONCE, labels={key: value})
            await client.wait(sent.task_id, timeout=30)

    page = await open_page(f"{site.open.url}/tasks?state=dead&label={label}")
    await page.click("text=Act on all that match")
    await page.check("#a-delete")
    await page.click("text=Count what matches")
    await page.wait_for_selector("text=5 tasks match")
    async with site.client() as client:
        assert len((await client.list_tasks(state="dead", label=label)).tasks) == 5
    await page.click("button:has-text('Delete 5 tasks')")
    await page.wait_for_selector("text=The operation was started.")
    await page.wait_for_selector("#operation .state-delivered")
    assert await page.locator("text=Stop").count() == 0
    done = page.locator(".number", has_text="done").locator(".value")
    assert await done.inner_text() == "5 of 5"
    await page.goto(f"{site.open.url}/tasks?state=dead&label={label}")
    assert await page.locator("[data-row]").count() == 0


async def _send_again(page: Page, source: str) -> str:
    """Send the replay that the form has; return the id of the new task."""
    await page.click("text=Send it again")
    await page.wait_for_selector(f"a:has-text('{source}')")
    return page.url.split("/tasks/")[1].partition("?")[0]


async def test_replay_with_edits(site: Site, open_page: OpenPage) -> None:
    """A task is sent again with another URL and body; the pages of both lead to each other."""
    async with site.client() as client:
        sent = await client.send(f"{site.destination}/gone", body="old", retry=ONCE)
        await client.wait(sent.task_id, timeout=30)

        page = await open_page(f"{site.open.url}/tasks/{sent.task_id}")
        await page.click("text=Replay")
        await page.fill("#f-url", f"{site.destination}/fine")
        await page.fill("#f-body", "new")
        replayed = await _send_again(page, sent.task_id)
        task = await client.get_task(replayed)

    assert task.request is not None
    assert (task.request.url, task.request.body) == (f"{site.destination}/fine", "new")
    await page.goto(f"{site.open.url}/tasks/{sent.task_id}")
    assert await page.locator(f"a:has-text('{replayed}')").count() == 1


async def test_a_replay_without_its_body(site: Site, open_page: OpenPage) -> None:
    """An emptied body is sent empty, and not as it was."""
    async with site.client() as client:
        sent = await client.send(f"{site.destination}/fine", body="old")
        await client.wait(sent.task_id, timeout=30)

        page = await open_page(f"{site.open.url}/tasks/{sent.task_id}/replay")
        await page.fill("#f-body", "")
        replayed = await _send_again(page, sent.task_id)
        task = await client.get_task(replayed)

    assert task.request is not None
    assert (task.request.body, task.request.body_bytes) == ("", 0)


async def test_a_task_is_cancelled_after_a_question(site: Site, open_page: OpenPage) -> None:
    """What cannot be taken back asks first."""
    async with site.client() as client:
        sent = await client.send(f"{site.destination}/fine", delay="1h")

    page = await open_page(f"{site.open.url}/tasks/{sent.task_id}")
    assert not await page.locator("button.danger").is_visible()
    await page.click("summary:has-text('Cancel')")
    await page.click("button.danger:has-text('Cancel')")

    await page.wait_for_selector("[data-state=cancelled]")
    assert await page.inner_text("[role=status]") == "The task was cancelled."


async def test_a_lane_is_paused_limited_and_purged(site: Site, open_page: OpenPage) -> None:
    """A lane is paused, limited, purged and resumed; the audit has who did it."""
    lane = f"lane / {uuid.uuid4().hex[:8]}?#"
    async with site.client() as client:
        sent = await client.send(f"{site.destination}/fine", lane=lane, delay="1h")

        page = await open_page(f"{site.open.url}/lanes?prefix=lane")
        await page.click(f"text={lane}")
        await page.click("text=Pause >> nth=0")
        await page.wait_for_selector(".state-paused")
        await page.fill("#f-concurrency", "3")
        await page.fill("#f-rate", "2.5")
        await page.click("text=Set >> nth=-1")
        await page.wait_for_selector("text=The limits were set.")
        limits = (await client.get_lane(lane)).limits
        assert (limits.concurrency, limits.rate) == (3, 2.5)

        await page.click("summary:has-text('Purge')")
        await page.click("button.danger")
        await page.wait_for_selector("text=What waited in the lane was removed.")
        with pytest.raises(NotFoundError):
            await client.get_task(sent.task_id)
    await page.click("text=Resume")
    await page.wait_for_selector("text=The lane was resumed.")
    await page.goto(f"{site.open.url}/audit")
    assert lane in await page.inner_text("main")


async def test_a_refused_task_keeps_the_form(site: Site, open_page: OpenPage) -> None:
    """What the API refuses is named by field, and what was typed is still there."""
    page = await open_page(f"{site.open.url}/send", quiet=False)
    await page.fill("#f-url", f"{site.destination}/fine")
    await page.fill("#f-delay", "soon")
    await page.click("main button.primary")

    assert "delay" in await page.inner_text("[role=alert]")
    assert await page.input_value("#f-url") == f"{site.destination}/fine"


async def test_the_retry_preview(site: Site, open_page: OpenPage) -> None:
    """The preview lists when the attempts of a policy would be made; the policy is in the URL."""
    page = await open_page(f"{site.open.url}/retry-preview")
    await page.select_option("#f-strategy", "constant")
    await page.fill("#f-interval", "1m")
    await page.fill("#f-max_attempts", "4")
    await page.click("main button.primary")

    assert "interval=1m" in page.url
    rows = await page.eval_on_selector_all(
        "main tbody tr", "all => all.map(r => r.cells[1].innerText)"
    )
    assert rows == ["0 ms", "1 min", "2 min", "3 min"]


async def test_a_key_is_made_and_revoked(site: Site, open_page: OpenPage) -> None:
    """A key is shown once when it is made, and is refused once it is revoked."""
    name = f"made-{uuid.uuid4().hex[:8]}"
    page = await open_page(f"{site.open.url}/keys")
    await page.fill("#f-name", name)
    await page.check("#s-read")
    await page.click("text=Make the key")
    key = (await page.inner_text("pre")).strip()
    assert key.startswith("qk_")
    async with site.client(key) as client:
        assert (await client.me()).scopes == ["read"]

    await page.click("text=Done")
    row = page.locator("tr", has_text=name)
    assert key not in await page.content()
    await row.locator("summary").click()
    await row.locator("button.danger").click()
    await page.wait_for_selector("text=The key was revoked.")
    assert await page.locator("tr", has_text=name).count() == 0


async def test_keys_of_the_keyboard(site: Site, open_page: OpenPage) -> None:
    """`j` and `k` move through rows, Enter opens one, `?` helps, `g` leads to a page."""
    page = await open_page(f"{site.open.url}/tasks")
    rows = await page.eval_on_selector_all("[data-row]", "all => all.map(a => a.href)")
    for key in ("j", "j", "k"):
        await page.press("body", key)
    assert await page.evaluate("document.activeElement.href") == rows[0]
    await page.keyboard.press("Enter")
    await page.wait_for_url(rows[0])

    await page.press("body", "?")
    assert await page.locator("#help").is_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("l")
    await page.wait_for_url("**/lanes")
