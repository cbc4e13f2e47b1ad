from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ..harness.commands import CommandError, run
from ..harness.images import load_what_is_here
from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System
from ..settings import ROOT

TAG = "previous"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def previous(suite: Suite) -> str:
    """The images of an earlier commit, built and loaded beside those of this one; their tag."""
    try:
        commit = (await run("git", "-C", str(ROOT), "rev-parse", suite.settings.previous)).strip()
    except CommandError as error:
        pytest.skip(f"no earlier commit in this checkout: {error}")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "sources.tar"
        await run("git", "-C", str(ROOT), "archive", "--output", str(archive), commit)
        await run("tar", "--extract", "--file", str(archive), "--directory", folder)
        for service in ("api", "worker"):
            await run(
                *("docker", "build", "--quiet", "--tag", f"queue-{service}:{TAG}"),
                *("--file", f"{folder}/services/{service}/Dockerfile"),
                *(*suite.settings.build_flags, folder),
                timeout_seconds=600,
            )
    await load_what_is_here(suite.settings, {f"queue-{name}:{TAG}" for name in ("api", "worker")})
    return TAG


@pytest_asyncio.fixture(loop_scope="session")
async def restored(system: System) -> AsyncIterator[System]:
    """The system; afterwards with both images of this version again."""
    yield system
    await system.release.install()


async def test_two_versions_lose_nothing(restored: System, previous: str) -> None:
    """With an old worker beside a new API, then the reverse, then both new: nothing is lost."""
    system = restored
    steps = {
        "old worker, new API": (f"worker.image.tag={previous}",),
        "old API, new worker": (f"api.image.tag={previous}",),
        "both new": (),
    }
    for what, settings in steps.items():
        async with under_load(system.api, system.receiver.ledger(), a_second=40, delay=0.2) as load:
            await system.release.install(*settings)
            await load.accepts(100)
        await load.all_delivered()

        await load.report(what)
        assert not load.refused
        assert not await load.missing()
