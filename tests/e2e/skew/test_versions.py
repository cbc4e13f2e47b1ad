from __future__ import annotations

import asyncio
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


@pytest.mark.parametrize(("old", "new"), [("worker", "api"), ("api", "worker")])
async def test_two_versions_lose_nothing(
    restored: System, previous: str, old: str, new: str
) -> None:
    """While one of both is rolled back under load and stays so, no task is lost or refused."""
    system = restored
    async with under_load(system.api, system.receiver.ledger(), a_second=40, delay=0.2) as load:
        await system.release.install(f"{old}.image.tag={previous}")
        await load.accepts(200)  # what the new one writes, or the old one does
        await asyncio.gather(*(system.release.settled(part) for part in (old, new)))
        await load.accepts(100)
    await load.all_delivered()
    async with under_load(system.api, system.receiver.ledger(), a_second=40, delay=0.2) as back:
        await system.release.install()
        await back.accepts(100)
    await back.all_delivered()

    for part, what in ((load, f"old {old}, new {new}"), (back, "both new again")):
        await part.report(what)
        assert not part.refused
        assert not await part.missing()
