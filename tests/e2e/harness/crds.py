"""Kinds that a cluster does not have of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from queue_testing import wait_until

from ..settings import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .cluster import Cluster

__all__ = ["with_crds"]

FOLDER = ROOT / ".tools/crds"


@asynccontextmanager
async def with_crds(cluster: Cluster, name: str, api: str) -> AsyncIterator[None]:
    """Give the cluster the definitions in .tools/crds for the block, unless it has them."""
    if await cluster.offers(f"/apis/{api}"):
        yield
        return
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        pytest.skip(f"no definitions of {name}: `make crds` fetches them where Go is")
    await cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    try:

        async def offered() -> bool:
            return await cluster.offers(f"/apis/{api}")

        await wait_until(offered, f"the cluster offers {api}", 60, every_seconds=0.5)
        yield
    finally:
        await cluster.kubectl("delete", "--wait=false", "-f", str(path))
