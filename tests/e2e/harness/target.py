"""The cluster under test: the one of KUBECONFIG, or one that kind makes for the suite."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .cluster import Cluster
from .commands import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..settings import SuiteSettings

__all__ = ["open_target"]

NAME = "queue-system-e2e"
KIND = Path(__file__).parents[1] / "kind"


@asynccontextmanager
async def open_target(settings: SuiteSettings) -> AsyncIterator[tuple[Cluster, SuiteSettings]]:
    """Reach the cluster; return it with the settings that fit it."""
    if settings.kubeconfig:
        async with Cluster.reach(settings.kubeconfig) as cluster:
            yield cluster, settings
        return
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            await _create(kubeconfig, settings.kind_node_image)
            async with Cluster.reach(kubeconfig) as cluster:
                await _add_ingress(cluster)
                load = (*settings.load_command, "--name", NAME)
                yield cluster, replace(settings, kubeconfig=kubeconfig, load_command=load)
        finally:
            if not settings.keep:
                await run("kind", "delete", "cluster", "--name", NAME)


async def _create(kubeconfig: Path, image: str | None) -> None:
    chosen = ("--image", image) if image else ()
    await run(
        *("kind", "create", "cluster", "--name", NAME, "--wait", "120s"),
        *("--config", str(KIND / "cluster.yaml"), "--kubeconfig", str(kubeconfig), *chosen),
        timeout_seconds=600,
    )


async def _add_ingress(cluster: Cluster) -> None:
    await cluster.kubectl("apply", "-f", str(KIND / "ingress.yaml"))
    await cluster.kubectl(
        *("--namespace", "ingress", "rollout", "status", "deployment/traefik", "--timeout=180s")
    )
