"""The cluster, and what is installed in it; what to keep of a test that failed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from .harness.cluster import Cluster
from .harness.diagnostics import collect
from .harness.images import load_images, rendered_images
from .harness.profiles import PROFILES
from .harness.system import System, install
from .harness.target import open_target
from .settings import SuiteSettings

if TYPE_CHECKING:
    from collections.abc import Generator

SESSION = pytest.mark.asyncio(loop_scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests in the loop of the fixtures, which live as long as the session."""
    for item in items:
        item.add_marker(SESSION, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect what the cluster has to say while it still can, before anything is taken away."""
    report = yield
    if report.failed and (target := item.session.stash.get(TARGET, None)):
        settings, namespaces = target
        folder = settings.reports / re.sub(r"[^\w.-]+", "-", f"{item.name}-{report.when}")
        assert settings.kubeconfig is not None
        report.sections.append(("cluster", collect(settings.kubeconfig, namespaces, folder)))
    return report


TARGET = pytest.StashKey[tuple[SuiteSettings, set[str]]]()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target() -> AsyncIterator[tuple[Cluster, SuiteSettings]]:
    """The cluster with the suite's settings for it."""
    async with open_target(SuiteSettings.from_environment()) as found:
        yield found
