"""The cluster under test: the one of KUBECONFIG, or one that kind makes for the suite."""

from __future__ import annotations

import json
import tempfile
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .cluster import Cluster, Namespace
from .commands import run
from .diagnostics import collect
from .images import images_of, load_images, load_what_is_here

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ..settings import SuiteSettings

__all__ = ["Suite", "open_suite"]

NAME = "queue-system-e2e"
KIND = Path(__file__).parents[1] / "kind"


@dataclass(frozen=True, slots=True)
class Suite:
    """What all tests share."""

    cluster: Cluster
    settings: SuiteSettings
    namespaces: set[str] = field(default_factory=set)
    """Those that the suite has made and not yet taken away."""

    @asynccontextmanager
    async def namespace(self, purpose: str, labels: Mapping[str, str]) -> AsyncIterator[Namespace]:
        """Make a namespace of a new name, and delete it in the end without waiting for it."""
        name = f"e2e-{purpose}-{uuid.uuid4().hex[:6]}"
        head = {"name": name, "labels": dict(labels)}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": head}
        await self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        self.namespaces.add(name)
        try:
            yield Namespace(self.cluster, name)
        except Exception as error:  # an installation that failed would be gone before its report
            error.add_note(collect(self.cluster.kubeconfig, [name], self.settings.reports / name))
            raise
        finally:
            self.namespaces.discard(name)
            if not self.settings.keep:
                await self.cluster.kubectl("delete", "namespace", name, "--wait=false")


@asynccontextmanager
async def open_suite(settings: SuiteSettings) -> AsyncIterator[Suite]:
    """Reach the cluster, or make one, and load the images into it."""
    async with _open_cluster(settings) as suite:
        await load_images(suite.settings)
        yield suite


@asynccontextmanager
async def _open_cluster(settings: SuiteSettings) -> AsyncIterator[Suite]:
    if settings.kubeconfig:
        async with Cluster.reach(settings.kubeconfig) as cluster:
            yield Suite(cluster, settings)
        return
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            await _create(kubeconfig, settings)
            async with Cluster.reach(kubeconfig) as cluster:
                load = (*settings.load_command, "--name", NAME)
                suite = Suite(cluster, replace(settings, load_command=load))
                await _add_ingress(suite)
                yield suite
        finally:
            if not settings.keep:
                await run("kind", "delete", "cluster", "--name", NAME)


async def _create(kubeconfig: Path, settings: SuiteSettings) -> None:
    image = ("--image", settings.kind_node_image) if settings.kind_node_image else ()
    port = urlsplit(settings.ingress_url).port or 80
    await run(
        *("kind", "create", "cluster", "--name", NAME, "--wait", "120s"),
        *("--config", "-", "--kubeconfig", str(kubeconfig), *image),
        stdin=(KIND / "cluster.yaml").read_text().replace("$INGRESS_PORT", str(port)),
        timeout_seconds=600,
    )


async def _add_ingress(suite: Suite) -> None:
    manifest = KIND / "ingress.yaml"
    await load_what_is_here(suite.settings, images_of(manifest.read_text()))
    await suite.cluster.kubectl("apply", "-f", str(manifest))
    await suite.cluster.kubectl(
        *("--namespace", "traefik", "rollout", "status", "deployment/traefik", "--timeout=180s")
    )
