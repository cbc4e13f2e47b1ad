from __future__ import annotations

import json
from typing import Any

from queue_testing import wait_until

from ..harness.api import Api
from ..harness.commands import run
from ..harness.profiles import PROFILES
from ..harness.receiver import Receiver
from ..harness.release import CHART, ONE_POD_EACH, Release
from ..harness.suite import Suite


async def rendering(release: Release) -> str:
    """What `helm template`, and so Argo CD, makes of the chart: nothing of the cluster is known."""
    files = [word for path in release.values for word in ("--values", str(path))]
    settings = (*ONE_POD_EACH, f"ingress.host={release.host}")
    sets = [word for each in settings for word in ("--set", each)]
    where = ("--namespace", release.namespace.name)
    return await run("helm", "template", release.name, str(CHART), *where, *files, *sets)


async def generated(release: Release) -> dict[str, Any]:
    """The data of each Secret of the release."""
    secrets = await release.namespace.items("api/v1/secrets", release.selector())
    return {each["metadata"]["name"]: each.get("data") for each in secrets}


async def test_a_second_sync_keeps_what_the_first_generated(suite: Suite) -> None:
    """Applied without Helm, a Job fills the Secrets; a later sync changes no Secret and no pod."""
    async with suite.namespace("gitops", {}) as namespace:
        release = Release(namespace, "queue", PROFILES["default"].values)
        receiver = await Receiver.start(namespace)
        await namespace.apply(await rendering(release))
        await release.settled("redis", "api", "worker")
        first, pods = await generated(release), await namespace.pod_names(release.selector("api"))

        key = await release.root_key()
        async with Api.reach(suite.settings.ingress_url, release.host, key) as api:
            task_id = await api.create(receiver.ledger().url())
            await api.until(task_id, state="delivered")

        await namespace.apply(await rendering(release))

        async def job_done() -> bool:
            jobs = await namespace.items("apis/batch/v1/jobs", release.selector())
            return bool(jobs) and all(job["status"].get("succeeded") for job in jobs)

        await wait_until(job_done, "the Job is done", 60, every_seconds=0.5)
        assert all(data for data in first.values())
        assert await generated(release) == first
        assert await namespace.pod_names(release.selector("api")) == pods
        events = json.loads(await namespace.kubectl("get", "jobs", "-o", "json"))["items"]
        assert len(events) == 1
