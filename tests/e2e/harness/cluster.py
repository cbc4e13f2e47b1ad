"""A cluster, and one namespace of it, by kubectl."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from .commands import CommandError, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

__all__ = ["Cluster", "Namespace"]

_CONNECT = """
import socket, time
end = time.monotonic() + 30
while True:
    try:
        socket.getaddrinfo({host!r}, {port})
        break
    except socket.gaierror:
        if time.monotonic() > end:
            raise
        time.sleep(0.2)
socket.create_connection(({host!r}, {port}), 3)
"""
_UNREACHABLE = ("TimeoutError", "timed out", "ConnectionRefusedError", "No route to host")


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster of one kubeconfig."""

    kubeconfig: Path
    http: httpx.AsyncClient
    """The Kubernetes API by ``kubectl proxy``: cheaper to ask again and again than kubectl, and
    the way to services that no ingress leads to."""

    @staticmethod
    @asynccontextmanager
    async def reach(kubeconfig: Path) -> AsyncIterator[Cluster]:
        """Keep a proxy to the cluster's API open."""
        proxy = await asyncio.create_subprocess_exec(
            *("kubectl", "--kubeconfig", str(kubeconfig), "proxy", "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert proxy.stdout is not None
            line = (await proxy.stdout.readline()).decode()  # Starting to serve on 127.0.0.1:PORT
            address = line.rpartition(" ")[2].strip()
            async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as http:
                yield Cluster(kubeconfig, http)
        finally:
            proxy.terminate()
            await proxy.wait()

    async def kubectl(
        self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 300
    ) -> str:
        """Run kubectl and return what it prints."""
        command = ("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments)
        return await run(*command, stdin=stdin, timeout_seconds=timeout_seconds)

    async def offers(self, path: str) -> bool:
        """Say whether the Kubernetes API responds at ``path``."""
        return (await self.http.get(path)).is_success


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace; selectors are label selectors as kubectl takes them."""

    cluster: Cluster
    name: str

    async def kubectl(
        self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 300
    ) -> str:
        """Run kubectl in this namespace."""
        return await self.cluster.kubectl(
            "--namespace", self.name, *arguments, stdin=stdin, timeout_seconds=timeout_seconds
        )

    async def apply(self, manifest: str) -> None:
        """Create or change what the manifest describes."""
        await self.kubectl("apply", "-f", "-", stdin=manifest)

    async def secret(self, name: str, values: Mapping[str, str]) -> None:
        """Create a Secret."""
        head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        await self.apply(json.dumps({**head, "stringData": values}))

    async def items(self, path: str, selector: str = "") -> list[dict[str, Any]]:
        """Return objects; ``path`` is ``api/v1/pods`` or ``apis/apps/v1/deployments``."""
        prefix, _, kind = path.rpartition("/")
        response = await self.cluster.http.get(
            f"/{prefix}/namespaces/{self.name}/{kind}", params={"labelSelector": selector}
        )
        response.raise_for_status()
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def pods(self, selector: str = "") -> list[dict[str, Any]]:
        """Return the pods that are there and not ending."""
        pods = await self.items("api/v1/pods", selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    async def pod_names(self, selector: str) -> list[str]:
        """Return the names of the pods that are there and not ending."""
        return [pod["metadata"]["name"] for pod in await self.pods(selector)]

    async def can_connect(self, pod: str, host: str, port: int) -> bool:
        """Return whether a pod that has Python can open a TCP connection.

        The cluster's DNS knows a new Service a moment late: the pod waits for the name.
        """
        code = _CONNECT.format(host=host, port=port)
        try:
            await self.kubectl("exec", pod, "--", "python3", "-c", code, timeout_seconds=60)
        except CommandError as error:
            if not any(sign in str(error) for sign in _UNREACHABLE):
                raise
            return False
        return True

    async def service(
        self, name: str, port: str | int, path: str, params: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """GET a path of a service by way of the Kubernetes API."""
        return await self.cluster.http.get(
            f"/api/v1/namespaces/{self.name}/services/{name}:{port}/proxy/{path.lstrip('/')}",
            params=params,
        )

    async def objects(self) -> set[str]:
        """Return everything that is there, as ``kind/name``, but for events."""
        kinds = await self.cluster.kubectl(
            *("api-resources", "--namespaced", "--verbs=list", "--output=name")
        )
        wanted = [kind for kind in kinds.split() if not kind.startswith(("events", "pods.metrics"))]
        return set((await self.kubectl("get", ",".join(wanted), "--output=name")).split())
