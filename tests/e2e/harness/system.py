"""A whole installation, as the tests use it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .api import Api
from .profiles import PROFILES
from .receiver import Receiver
from .release import Release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .cluster import Namespace
    from .suite import Suite

__all__ = ["System", "install", "installed"]


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
async def install(suite: Suite, profile_name: str) -> AsyncIterator[System]:
    """Install a profile in a namespace of its own; take both away in the end."""
    profile = PROFILES[profile_name]
    async with suite.namespace(profile.name, profile.labels) as namespace:
        receiver, _ = await asyncio.gather(Receiver.start(namespace), profile.prepare(namespace))
        release = Release(namespace, "queue", profile.values)
        async with installed(suite, release) as api:
            yield System(release, api, receiver)


@asynccontextmanager
async def installed(suite: Suite, release: Release) -> AsyncIterator[Api]:
    """Install a release and reach its API; uninstall it in the end."""
    await release.install()
    try:
        key = await release.root_key()
        async with Api.reach(suite.settings.ingress_url, release.host, key) as api:
            yield api
    finally:
        if not suite.settings.keep:
            await release.uninstall()
