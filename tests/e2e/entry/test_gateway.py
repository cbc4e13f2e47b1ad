from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from queue_testing import wait_until

from ..harness.cluster import Cluster
from ..harness.commands import CommandError
from ..harness.crds import with_crds
from ..harness.suite import Suite
from ..harness.system import System

MANIFEST = Path(__file__).parent / "gateway.yaml"
HOST = "gateway.queue.example.com"
ROUTE = (
    "ingress.enabled=false",
    "httpRoute.enabled=true",
    "httpRoute.parentRefs[0].name=public",
    f"httpRoute.hostnames[0]={HOST}",
    "httpRoute.paths[0]=/api",
    "httpRoute.scheme=http",
)
SEND = """
import json, sys, urllib.request
wanted = json.load(sys.stdin)
headers = {"Host": wanted["host"], "Content-Type": "application/json"}
headers["Authorization"] = "Bearer " + wanted["key"]
body = json.dumps({"url": wanted["url"]}).encode()
request = urllib.request.Request("http://gateway:8000" + wanted["path"], body, headers)
try:
    print(urllib.request.urlopen(request, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code}))
"""


async def traefik_image(cluster: Cluster) -> str:
    """The image of the Traefik that the cluster's ingress is."""
    wanted = ("-l", "app.kubernetes.io/name=traefik", "-o", "json")
    found = json.loads(await cluster.kubectl("get", "pods", "-A", *wanted))["items"]
    if not found:
        pytest.skip("this cluster's ingress is no Traefik, which speaks the Gateway API")
    image: str = found[0]["spec"]["containers"][0]["image"]
    return image


@pytest_asyncio.fixture(loop_scope="session")
async def routed(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system behind a Gateway instead of the ingress; afterwards as before."""
    image = await traefik_image(suite.cluster)
    name = system.namespace.name
    manifest = MANIFEST.read_text().replace("NAMESPACE", name).replace("IMAGE", image)
    async with with_crds(suite.cluster, "gateway-api", "gateway.networking.k8s.io/v1"):
        try:
            await system.namespace.apply(manifest)
            wait = ("deployment/gateway", "--timeout=120s")
            await system.namespace.kubectl("rollout", "status", *wait)
            await system.release.install(*ROUTE)
            yield system
        finally:
            await system.release.install()
            gone = ("--ignore-not-found", "--wait=false")
            await system.namespace.kubectl("delete", "-f", "-", *gone, stdin=manifest)


async def send(system: System, path: str) -> dict[str, Any]:
    """POST a task to the gateway, from a pod of the namespace."""
    wanted = {
        "host": HOST, "path": path, "key": await system.release.root_key(),
        "url": system.receiver.ledger().url(),
    }  # fmt: skip
    pod = ("exec", "-i", "deploy/receiver", "--", "python3", "-c", SEND)
    try:
        told = await system.namespace.kubectl(*pod, stdin=json.dumps(wanted))
    except CommandError as error:
        if "urlopen error" in str(error):
            return {"status": 0}
        raise
    return dict(json.loads(told))


async def test_a_task_comes_through_the_gateway(routed: System) -> None:
    """A POST to the HTTPRoute's host and path is accepted, and the task is delivered."""

    async def accepted() -> str | None:
        return (await send(routed, "/api/v1/tasks")).get("task_id")

    task_id = await wait_until(accepted, "the gateway leads to the API", 60, every_seconds=1)
    assert await send(routed, "/docs") == {"status": 404}

    await routed.release.install()  # by the ingress again: the task is the same one
    await routed.api.until(str(task_id), state="delivered")
