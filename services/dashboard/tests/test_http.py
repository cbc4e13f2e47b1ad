"""What every answer carries, and what is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from queue_client import Filter, Operation
from queue_testing import wait_until

from .dashboards import ROOT_KEY, USER_HEADER, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

ADA = {USER_HEADER: "ada"}
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest_asyncio.fixture(loop_scope="session")
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A user behind the proxy."""
    async with httpx.AsyncClient(base_url=site.open.url, headers=ADA, timeout=30) as http:
        yield http


async def csrf_of(http: httpx.AsyncClient) -> str:
    page = (await http.get("/send")).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


async def test_headers(http: httpx.AsyncClient) -> None:
    """Each page forbids script and style of its own, frames, other hosts, and caches."""
    headers = (await http.get("/send")).headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_static_files_are_kept_for_ever(http: httpx.AsyncClient) -> None:
    """A static file has a name with its content's hash, is compressed, and may be kept."""
    page = (await http.get("/send")).text
    names = set(re.findall(r'(?:href|src)="(/static/[^"#]+)"', page))

    assert len(names) >= 5
    for name in names:
        answer = await http.get(name)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, IMMUTABLE)
        assert answer.headers["Content-Encoding"] == "gzip"
    assert (await http.get("/static/app.js")).status_code == 404


async def test_a_foreign_host_is_refused(http: httpx.AsyncClient) -> None:
    """A request under a name that was made to lead here is refused, but for the probe."""
    host = {"Host": "attacker.example:8081"}

    assert (await http.get("/", headers=host)).status_code == 421
    assert (await http.get("/health", headers=host)).status_code == 200


async def test_a_form_needs_its_token(http: httpx.AsyncClient, site: Site) -> None:
    """A form without the session's token is refused, and nothing is done."""
    token = await csrf_of(http)
    task_id = site.tasks["scheduled"]
    for fields in ({}, {"csrf": "guessed"}, {"csrf": token[:-1]}):
        answer = await http.post(f"/tasks/{task_id}/cancel", data=fields)
        assert answer.status_code == 403
    async with site.client() as client:
        assert (await client.get_task(task_id)).state == "scheduled"


async def test_a_token_of_another_session_is_refused(http: httpx.AsyncClient, site: Site) -> None:
    """A token is good in its own session alone."""
    async with httpx.AsyncClient(base_url=site.open.url, headers={USER_HEADER: "eve"}) as other:
        stolen = await csrf_of(other)
    await csrf_of(http)

    answer = await http.post("/send", data={"csrf": stolen, "url": "http://example.com"})

    assert answer.status_code == 403


async def test_without_the_proxys_user_nobody_comes_in(site: Site) -> None:
    """If a proxy names the users, a request without a name is refused."""
    async with httpx.AsyncClient(base_url=site.open.url) as http:
        assert (await http.get("/tasks")).status_code == 403


async def test_a_forged_cookie_is_no_session(site: Site) -> None:
    """A cookie that the dashboard has not made leads to the login."""
    cookies = {"queue_dashboard": "gAAAAABm" + "A" * 120}
    async with httpx.AsyncClient(base_url=site.asking.url, cookies=cookies) as http:
        answer = await http.get("/tasks")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=%2Ftasks"


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_login_leads_to_own_pages_alone(site: Site, there: str) -> None:
    """After the login the browser goes to a page of the dashboard, whatever the URL asks for."""
    async with httpx.AsyncClient(base_url=site.asking.url) as http:
        page = (await http.get("/login", params={"next": there})).text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found
        form = {"csrf": found[1], "key": ROOT_KEY}
        answer = await http.post("/login", params={"next": there}, data=form)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


async def test_the_cookie_is_for_https_behind_https(site: Site) -> None:
    """Behind a proxy that speaks TLS the cookie is Secure."""
    async with httpx.AsyncClient(base_url=site.asking.url) as http:
        plain = await http.get("/login")
        tls = await http.get("/login", headers={"X-Forwarded-Proto": "https"})

    assert "Secure" not in plain.headers["Set-Cookie"]
    assert "Secure" in tls.headers["Set-Cookie"]


async def test_a_form_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    """A form of more than 4 MiB is refused before it is kept."""
    answer = await http.post("/send", content=b"body=" + b"a" * (5 << 20))

    assert answer.status_code == 413


async def test_unknown_pages_and_tasks(http: httpx.AsyncClient) -> None:
    """What is not there is a page that says so, with 404."""
    for path in ("/nothing", "/tasks/01a20d94-4598-77ff-aa01-ede0158d74bc"):
        answer = await http.get(path)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


async def test_a_filter_is_kept_whole_or_refused(http: httpx.AsyncClient, site: Site) -> None:
    """A form takes one label: a URL with two is refused, and two of a client lead to no form."""
    two = await http.get("/operations/new?state=dead&label=a:1&label=b:2")
    async with site.client() as client:
        filters = [Filter(label=["a:1", "b:2"]), Filter(label=["a:1"])]
        counts = [
            await client.start_operation(action="cancel", filter=wanted, dry_run=True)
            for wanted in filters
        ]
        for counting in counts:

            async def has_ended(counting: Operation = counting) -> bool:
                return (await client.get_operation(counting.id)).ended

            await wait_until(has_ended, "the tasks are counted", 30)
    pages = [(await http.get(f"/operations/{counting.id}")).text for counting in counts]

    assert two.status_code == 422
    assert "label: comes twice in the URL" in two.text
    assert [page.count("/operations/new?") for page in pages] == [0, 1]
