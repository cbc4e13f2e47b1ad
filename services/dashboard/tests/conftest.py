"""What the dashboard's tests share: the product's own processes and one browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
)

from queue_client import AsyncQueueClient, Retry
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import CannedResponse, Receiver
from queue_testing.system import System

from . import hostile
from .dashboards import ROOT_KEY, USER_HEADER, Dashboard, Site

OpenPage = Callable[..., Awaitable[Page]]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ONCE = Retry(max_attempts=1)
LATER = Retry(strategy="constant", interval="30m")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """An API with keys, a worker, a destination, three dashboards, a task in every state."""
    directory = tmp_path_factory.mktemp("site")
    system = System(
        directory, redis_server.address, API_AUTH="on", API_ROOT_KEY=ROOT_KEY,
        TRACE_URL_TEMPLATE="http://localhost:16686/trace/{trace_id}",
    )  # fmt: skip
    header = {"DASHBOARD_TRUSTED_HEADER": USER_HEADER, "DASHBOARD_API_KEY": ROOT_KEY}
    async with AsyncExitStack() as stack:
        stack.callback(system.stop)
        await system.start()
        receiver = await stack.enter_async_context(Receiver())

        async def serve(**variables: str) -> Dashboard:
            dashboard = await Dashboard(directory, system.url, **variables).start()
            stack.callback(dashboard.stop)
            return dashboard

        below = {**header, "DASHBOARD_ROOT_PATH": "/ui"}
        site = Site(
            system.url, receiver.url, open=await serve(**header), asking=await serve(),
            below=await serve(**below),
        )  # fmt: skip
        async with site.client() as client:
            site.tasks |= await _tasks(client, receiver)
        yield site


async def _tasks(client: AsyncQueueClient, receiver: Receiver) -> dict[str, str]:
    """Send a task for each state, and wait until it has it."""
    url = receiver.url
    receiver.respond_with("/down", [CannedResponse(503, {"Retry-After": "1"}, b"down for repairs")])
    page = CannedResponse(200, {"Content-Type": "text/html"}, b"<title>Elsewhere</title>")
    receiver.respond_with("/page", [page])
    # Unlike 503 it says nothing against the lane, which so stays as fast as it is.
    receiver.respond_with("/gone", [410])
    receiver.respond_with("/hangs", [CannedResponse(hangs=True)])
    receiver.respond_with(
        "/hostile/'\"<script>", [CannedResponse(500, {}, hostile.EXCERPT.encode())]
    )
    sent = {
        "delivered": client.send(f"{url}/fine", body={"order": 1}, labels={"customer": "42"}),
        "dead": client.send(
            f"{url}/down", body="lost", retry=ONCE, labels={"customer": "43"}, lane="down"
        ),
        "scheduled": client.send(
            f"{url}/down", retry=LATER, idempotency_key="order-7", lane="down too"
        ),
        "active": client.send(f"{url}/hangs", timeout="10m", lane="hanging"),
        "cancelled": client.send(f"{url}/fine", delay="1h"),
        "hostile": client.send(
            f"{url}{hostile.PATH}{hostile.URL_QUERY}", headers=hostile.HEADERS, body=hostile.BODY,
            labels=hostile.LABELS, lane=f"<b>{hostile.OVERRIDE}</b>", retry=ONCE,
        ),
    }  # fmt: skip
    ids = {name: (await sending).task_id for name, sending in sent.items()}
    await client.cancel_task(ids["cancelled"])
    for name, task_id in ids.items():
        state = "dead" if name == "hostile" else name

        async def reached(task_id: str = task_id, state: str = state) -> bool:
            task = await client.get_task(task_id)
            return task.state == state and (state != "scheduled" or task.attempts == 1)

        await wait_until(reached, f"{name} is {state}", 30)
    return ids


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless Chromium for all tests."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium, or name one in CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, site: Site) -> AsyncIterator[OpenPage]:
    """Opens pages as the user Ada; fails if one of them had an error in its console."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_one(url: str, *, quiet: bool = True, **options: Any) -> Page:  # noqa: ANN401 - new_context's options
        options = {"extra_http_headers": {USER_HEADER: "ada"}, "locale": "en-GB", **options}
        context = await browser.new_context(**options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = await context.new_page()
        if quiet:
            page.on("console", lambda said: errors.extend(_error_in(said)))
            page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(url)
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert errors == []


async def until_it_fits(page: Page) -> None:
    """Return once the page is no wider than its window.

    Playwright's own waiting evaluates text in the page, which its policy forbids.
    """

    async def fits() -> bool:
        return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    await wait_until(fits, "the page fits its window", 30)


def _error_in(said: ConsoleMessage) -> list[str]:
    return [f"{said.text} ({said.location['url']})"] if said.type == "error" else []
