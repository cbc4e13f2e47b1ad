"""One release of the chart."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..settings import ROOT
from .commands import run

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Namespace

__all__ = ["CHART", "ONE_POD_EACH", "Release"]

CHART = ROOT / "charts" / "queue-system"
WAIT_SECONDS = 180
ONE_POD_EACH = (
    "api.replicas=1",
    "worker.replicas=1",
    "worker.autoscaling.mode=none",
    "dashboard.enabled=false",
    "jaeger.enabled=false",
)
"""Settings of a release that is one of several."""


@dataclass(frozen=True, slots=True)
class Release:
    """Its name, and the values it is installed with."""

    namespace: Namespace
    name: str
    values: tuple[Path, ...]
    settings: tuple[str, ...] = ()
    """Further values, as ``--set`` takes them."""
    chart: str = str(CHART)
    """A folder, or a chart's address in a registry."""
    options: tuple[str, ...] = ()
    """Further options of ``helm upgrade --install``."""

    @property
    def host(self) -> str:
        """The name that the ingress knows it by."""
        return f"{self.name}.{self.namespace.name}.example.com"

    def selector(self, component: str = "") -> str:
        """Return the label selector of all objects, or of one component's."""
        of_component = f",app.kubernetes.io/component={component}" if component else ""
        return f"app.kubernetes.io/instance={self.name}{of_component}"

    async def install(self, *settings: str) -> None:
        """Install the release, or upgrade it, and wait until all of it is ready.

        ``settings`` are added to the release's own for this once.
        """
        wait = ("--install", "--wait", "--timeout", f"{WAIT_SECONDS}s")
        await self._helm("upgrade", self.name, self.chart, *wait, *self._arguments(*settings))

    async def planned(self) -> str:
        """Return the manifest that an upgrade with the same values would apply."""
        dry_run = ("--dry-run=server", "--output", "json")
        told = await self._helm("upgrade", self.name, self.chart, *dry_run, *self._arguments())
        return str(json.loads(told)["manifest"])

    async def manifest(self) -> str:
        """Return the manifest that was applied last."""
        return await self._helm("get", "manifest", self.name)

    async def uninstall(self) -> None:
        """Uninstall the release and wait until what it takes away is gone."""
        await self._helm("uninstall", self.name, "--wait", "--timeout", f"{WAIT_SECONDS}s")

    async def test(self) -> str:
        """Run ``helm test`` and return what it says."""
        return await self._helm("test", self.name, "--timeout", f"{WAIT_SECONDS}s")

    async def notes(self) -> str:
        """Return what ``helm install`` told its user at the end."""
        return await self._helm("get", "notes", self.name)

    async def rollout(self, component: str) -> None:
        """Replace all pods of a Deployment, as an upgrade does, and wait until it is done."""
        selector = ("-l", self.selector(component))
        await self.namespace.kubectl("rollout", "restart", "deployment", *selector)
        await self.settled(component)

    async def settled(self, *components: str) -> None:
        """Wait until all pods of the components are new and ready."""
        for component in components:
            kind = "statefulset" if component == "redis" else "deployment"
            selector = ("-l", self.selector(component))
            timeout = f"--timeout={WAIT_SECONDS}s"
            await self.namespace.kubectl("rollout", "status", kind, *selector, timeout)

    async def pods(self, component: str) -> list[str]:
        """Return the names of a component's pods."""
        return await self.namespace.pod_names(self.selector(component))

    async def service_names(self, component: str, port: int) -> list[str]:
        """Return the names of a component's Services that have a port."""
        services = await self.namespace.items("api/v1/services", self.selector(component))
        return [
            service["metadata"]["name"]
            for service in services
            if any(p["port"] == port for p in service["spec"]["ports"])
        ]

    async def root_key(self) -> str:
        """Return the key with all rights that the installation has made."""
        [secret] = await self.namespace.items("api/v1/secrets", self.selector("api"))
        return base64.b64decode(secret["data"]["root-key"]).decode()

    async def replicas(self, component: str) -> int:
        """Return how many pods of a component are ready."""
        [found] = await self.namespace.items("apis/apps/v1/deployments", self.selector(component))
        ready: int = found["status"].get("readyReplicas", 0)
        return ready

    def _arguments(self, *settings: str) -> tuple[str, ...]:
        files = [argument for path in self.values for argument in ("--values", str(path))]
        values = (f"ingress.host={self.host}", *self.settings, *settings)
        return (*self.options, *files, *(word for value in values for word in ("--set", value)))

    async def _helm(self, *arguments: str) -> str:
        cluster = self.namespace.cluster
        where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", self.namespace.name)
        return await run("helm", *arguments, *where, timeout_seconds=WAIT_SECONDS + 60)
