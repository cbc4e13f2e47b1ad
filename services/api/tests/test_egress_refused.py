"""What the API refuses because the worker would not deliver it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from queue_api.tasks.checks import destination_check
from queue_common.egress import EgressGuard
from queue_testing import RedisServer

from .conftest import Api

TASKS = "/api/v1/tasks"
REFUSED = [
    "http://127.0.0.1/", "http://127.1:8080/", "http://2130706433/", "http://0x7f000001/",
    "http://017700000001/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/",
    "http://LOCALHOST.:9/", "http://169.254.169.254/latest", "http://0xa9fea9fe/",
    "http://[64:ff9b::10.3.0.1]/", "https://10.1.2.3/", "http://evil.example/",
    "http://a.b.EVIL.example./x", "http://1.1.1.1/",
]  # fmt: skip
TAKEN = [
    "http://8.8.8.8/", "http://example.com/", "http://[2606:4700::1111]/", "http://10.2.0.1:9/",
    "http://notevil.example/", "http://127.0.0.1.example/", "http://redis:6379/",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API with lists of what is allowed and denied."""
    lists = {"EGRESS_ALLOW": "10.2.0.0/16", "EGRESS_DENY": "evil.example,1.1.1.0/24"}
    api = Api(tmp_path_factory.mktemp("api"), lists)
    await api.start_on(redis_server)
    async with httpx.AsyncClient(base_url=api.url) as client:
        yield client
    api.clean_up()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("url", REFUSED)
async def test_what_would_surely_be_refused(client: httpx.AsyncClient, url: str) -> None:
    """Forbidden addresses in any spelling, and denied names, are refused before they are stored."""
    response = await client.post(TASKS, json={"url": url})

    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert response.json()["type"] == "urn:queue-system:problem:egress-refused"
    [error] = response.json()["errors"]
    assert error["field"] == "url"
    assert "never delivered to" in error["reason"] or "EGRESS_" in error["reason"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("url", TAKEN)
async def test_what_may_be_delivered(client: httpx.AsyncClient, url: str) -> None:
    """Allowed and public addresses are taken, and names whatever they may lead to."""
    response = await client.post(TASKS, json={"url": url})

    assert response.status_code == httpx.codes.CREATED


def test_a_name_is_allowed_by_itself() -> None:
    """A host that EGRESS_ALLOW lists by name is taken, localhost too."""
    denial_reason = destination_check(EgressGuard.from_settings(allow="localhost"))

    assert denial_reason("localhost:80") is None
    assert denial_reason("127.0.0.1:80") is not None
