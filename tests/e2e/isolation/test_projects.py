from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from ..harness.api import TASKS, Api
from ..harness.release import ONE_POD_EACH, Release
from ..harness.suite import Suite
from ..harness.system import System, installed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LANES = 1000
HONEST = 100


@asynccontextmanager
async def in_project(suite: Suite, release: Release, root: Api, project: str) -> AsyncIterator[Api]:
    """A client with a key of a project, which may send tasks and see them."""
    wish = {"name": project, "project": project, "scopes": ["enqueue", "read"]}
    made = await root.http.post("/api/v1/keys", json=wish)
    assert made.status_code == httpx.codes.CREATED, made.text
    async with Api.reach(suite.settings.ingress_url, release.host, made.json()["key"]) as api:
        yield api


async def test_a_flooding_project_does_not_delay_another(suite: Suite, system: System) -> None:
    """One project has 1,000 lanes whose destinations hang; another's requests start within 1 s."""
    release = Release(system.namespace, "shared", system.release.values, ONE_POD_EACH)
    ledger = system.receiver.ledger()
    async with (
        installed(suite, release) as root,
        in_project(suite, release, root, "flood") as flood,
        in_project(suite, release, root, "honest") as honest,
    ):
        hanging = [
            {"url": system.receiver.ledger().url(delay=25), "lane": f"flood-{i}"}
            for i in range(LANES)
        ]
        for some in (hanging[i : i + 50] for i in range(0, LANES, 50)):
            posts = [flood.http.post(TASKS, json=task) for task in some]
            assert {post.status_code for post in await asyncio.gather(*posts)} == {201}

        sent: dict[str, float] = {}
        for _ in range(HONEST):
            begin = time.time()
            sent[await honest.create(ledger.url())] = begin
            await asyncio.sleep(max(begin + 0.1 - time.time(), 0))
        for task_id in sent:
            await honest.until(task_id, state="delivered")

        arrived = {arrival.task_id: arrival.at for arrival in await ledger.arrivals()}
        waits = sorted(arrived[task_id] - at for task_id, at in sent.items())
        stranger = await flood.http.get(f"{TASKS}/{next(iter(sent))}")

    sys.stdout.write(
        f"\nbeside {LANES} lanes that hang: p50 {waits[HONEST // 2]:.3f} s,"
        f" p99 {waits[HONEST * 99 // 100]:.3f} s from POST to arrival\n"
    )
    assert waits[HONEST * 99 // 100] < 1
    assert stranger.status_code == httpx.codes.NOT_FOUND
