from __future__ import annotations

import pytest

from ..harness.system import System


async def redis_url(system: System) -> str:
    [service, *_] = await system.release.service_names("redis", 6379)
    return f"http://{service}:6379/"


async def api_server_url(_: System) -> str:
    return "https://kubernetes.default.svc/"


@pytest.mark.parametrize("target", [redis_url, api_server_url], ids=["redis", "api-server"])
async def test_the_systems_own_ground_is_never_delivered_to(system: System, target: object) -> None:
    """A task for Redis or for the cluster's API server is refused, whatever is allowed else."""
    assert callable(target)
    task_id = await system.api.create(await target(system))

    attempt = await system.api.outcome(task_id)

    assert attempt["outcome"] == "egress_refused"
    assert "never delivered to" in attempt["error"]
