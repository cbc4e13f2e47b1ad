"""A whole installation, as the tests use it."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .api import Api
from .profiles import PROFILES
from .receiver import Receiver
from .release import Release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..settings import SuiteSettings
    from .cluster import Cluster, Namespace

__all__ = ["System", "install"]


@dataclass(frozen=True, slots=True)
class System:
    """A release, its API through the ingress, and a receiver in the same namespace."""

    release: Release
    api: Api
    receiver: Receiver

    @property
    def namespace(self) -> Namespace:
        return self.release.namespace


@asynccontextmanager
async def install(
    cluster: Cluster, settings: SuiteSettings, profile_name: str
) -> AsyncIterator[System]:
    """Install a profile in a namespace of its own; take both away in the end."""
    profile = PROFILES[profile_name]
    name = f"e2e-{profile.name}-{uuid.uuid4().hex[:6]}"
    async with cluster.namespace(name, labels=profile.labels, keep=settings.keep) as namespace:
        receiver = await Receiver.start(namespace)
        await profile.prepare(namespace)
        release = Release(namespace, "queue", profile.values)
        async with release_of(release, settings) as api:
            yield System(release, api, receiver)


@asynccontextmanager
async def release_of(release: Release, settings: SuiteSettings) -> AsyncIterator[Api]:
    """Install a release with a host of its own, and uninstall it in the end."""
    host = f"{release.name}.{release.namespace.name}.example.com"
    await release.install(f"ingress.host={host}")
    async with Api.reach(settings.ingress_url, host) as api:
        yield api
    if not settings.keep:
        await release.uninstall()
