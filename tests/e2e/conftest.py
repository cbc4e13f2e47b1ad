"""The cluster, and what is installed in it; what to keep of a test that failed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from .harness.diagnostics import collect
from .harness.release import ONE_POD_EACH, Release
from .harness.suite import Suite, open_suite
from .harness.system import System, install, installed
from .settings import SuiteSettings

if TYPE_CHECKING:
    from collections.abc import Generator

SUITE = pytest.StashKey[Suite]()
SESSION = pytest.mark.asyncio(loop_scope="session")


def pytest_configure(config: pytest.Config) -> None:
    """Make the suite's own marker known."""
    config.addinivalue_line("markers", "profiles(*names): run on installations of these profiles")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Name the profile of each test's system, by which pytest then brings tests together."""
    if "system" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("profiles")
        metafunc.parametrize("system", marker.args if marker else ["default"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests in the loop of the fixtures, which live as long as the session."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(SESSION, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect what the cluster has to say while it still can, before anything is taken away."""
    report = yield
    if report.failed and (suite := item.session.stash.get(SUITE, None)):
        folder = suite.settings.reports / re.sub(r"[^\w.-]+", "-", f"{item.name}-{report.when}")
        seen = collect(suite.cluster.kubeconfig, sorted(suite.namespaces), folder)
        report.sections.append(("cluster", seen))
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def suite(request: pytest.FixtureRequest) -> AsyncIterator[Suite]:
    """The cluster with the images in it, and the suite's settings for it."""
    async with open_suite(SuiteSettings.from_environment()) as suite:
        request.session.stash[SUITE] = suite
        yield suite


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def system(request: pytest.FixtureRequest, suite: Suite) -> AsyncIterator[System]:
    """An installation of the default profile, or of those that the test's marker names.

    Tests share it: each leaves it as whole as it found it.
    """
    async with install(suite, request.param) as system:
        yield system


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def neighbour(suite: Suite, system: System) -> AsyncIterator[System]:
    """A second release beside the first: with a name of 50 characters, and soon out of patience."""
    name = "another-release-whose-name-is-as-long-as-helm-lets"
    assert len(name) == 50
    settings = (*ONE_POD_EACH, "queue.retryDeadline=5s")
    release = Release(system.namespace, name, system.release.values, settings)
    async with installed(suite, release) as api:
        yield System(release, api, system.receiver)
