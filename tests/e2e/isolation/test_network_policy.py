from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ..harness.receiver import Receiver
from ..harness.suite import Suite
from ..harness.system import System

DENY_ALL = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody}
spec:
  podSelector: {}
  policyTypes: [Ingress]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stranger(suite: Suite, system: System) -> AsyncIterator[Receiver]:
    """A pod of another namespace; skips where the cluster enforces no policies."""
    async with suite.namespace("stranger", {}) as namespace:
        await namespace.apply(DENY_ALL)
        stranger = await Receiver.start(namespace)
        [neighbour] = await system.namespace.pod_names("app=receiver")
        if await system.namespace.can_connect(neighbour, stranger.host, 8080):
            pytest.skip("this cluster enforces no NetworkPolicy")
        yield stranger


async def test_redis_accepts_api_and_workers_alone(system: System, stranger: Receiver) -> None:
    """No pod but the release's own reaches Redis, be it of the same namespace or another."""
    [name, *_] = await system.release.service_names("redis", 6379)
    redis = f"{name}.{system.namespace.name}.svc.cluster.local"
    [other] = await stranger.namespace.pod_names("app=receiver")
    [neighbour] = await system.namespace.pod_names("app=receiver")
    [worker, *_] = await system.release.pods("worker")

    assert await system.namespace.can_connect(worker, redis, 6379)
    assert not await system.namespace.can_connect(neighbour, redis, 6379)
    assert not await stranger.namespace.can_connect(other, redis, 6379)


async def test_the_api_accepts_its_namespace_and_the_ingress_alone(
    system: System, stranger: Receiver
) -> None:
    """Pods of the same namespace reach the API, those of others do not."""
    [service] = await system.release.service_names("api", 80)
    api = f"{service}.{system.namespace.name}.svc.cluster.local"
    [other] = await stranger.namespace.pod_names("app=receiver")
    [neighbour] = await system.namespace.pod_names("app=receiver")

    assert await system.namespace.can_connect(neighbour, api, 80)
    assert not await stranger.namespace.can_connect(other, api, 80)


async def test_workers_reach_no_more_of_the_cluster_than_was_allowed(
    system: System, stranger: Receiver
) -> None:
    """A worker's pod reaches what egress.allow lists, but no other pod and not the API server."""
    [worker, *_] = await system.release.pods("worker")
    [service] = await system.release.service_names("api", 80)
    await stranger.namespace.kubectl("delete", "networkpolicy", "nobody")

    assert await system.namespace.can_connect(worker, system.receiver.host, 8080)
    assert not await system.namespace.can_connect(worker, service, 80)
    assert not await system.namespace.can_connect(worker, stranger.host, 8080)
    assert not await system.namespace.can_connect(worker, "kubernetes.default.svc", 443)
