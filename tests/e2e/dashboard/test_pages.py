from __future__ import annotations

import re

import httpx
import pytest

from ..harness.suite import Suite
from ..harness.system import System


async def test_a_user_logs_in_and_sees_a_task(suite: Suite, system: System) -> None:
    """Below /ui of the API's host the dashboard asks for a key, and then shows a task."""
    task_id = await system.api.create(system.receiver.ledger().url())
    await system.api.until(task_id, state="delivered")
    headers = {"Host": system.release.host}
    async with httpx.AsyncClient(
        base_url=suite.settings.ingress_url, headers=headers, timeout=20
    ) as browser:
        refused = await browser.get(f"/ui/tasks/{task_id}")
        login = await browser.get("/ui/login")
        [csrf] = re.findall(r'name="csrf" value="([^"]+)"', login.text)
        form = {"csrf": csrf, "next": "/", "key": await system.release.root_key()}
        entered = await browser.post("/ui/login", data=form)
        page = await browser.get(f"/ui/tasks/{task_id}")

    assert refused.status_code in {302, 303}
    assert entered.status_code == 303, entered.text
    assert page.status_code == 200, page.text
    assert task_id in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_its_pods_reach_the_api_and_no_redis(system: System) -> None:
    """What serves the pages has no way to Redis, nor to a destination; it has one to the API."""
    [pod, *_] = await system.release.pods("dashboard")
    [redis, *_] = await system.release.service_names("redis", 6379)
    [api, *_] = await system.release.service_names("api", 80)
    [worker, *_] = await system.release.pods("worker")

    assert await system.namespace.can_connect(pod, api, 80)
    if await system.namespace.can_connect(pod, "receiver", 8080):
        pytest.skip("this cluster enforces no NetworkPolicy")
    assert await system.namespace.can_connect(worker, redis, 6379)
    assert not await system.namespace.can_connect(pod, redis, 6379)
