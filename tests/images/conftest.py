from __future__ import annotations

import shutil
import subprocess
import tomllib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .containers import Container, docker, run

ROOT = Path(__file__).parents[2]

Start = Callable[..., Container]

NEEDED = {
    "api": {"API_AUTH": "off"},
    "worker": {},
    "dashboard": {"DASHBOARD_SESSION_SECRET": "for the tests of this machine alone"},
}
"""What an image needs to start, by service."""


def version(service: str) -> str:
    """The service's version, as its manifest says it."""
    manifest = (ROOT / "services" / service / "pyproject.toml").read_text()
    return str(tomllib.loads(manifest)["project"]["version"])


def reference(service: str) -> str:
    """The name and tag under which ``make docker-build`` leaves the service's image."""
    return f"queue-{service}:{version(service)}"


@pytest.fixture(scope="session", autouse=True)
def images() -> None:
    """The images, built from this checkout; without a Docker engine the tests are skipped."""
    try:
        docker("version")
    except (FileNotFoundError, RuntimeError) as error:
        pytest.skip(f"no Docker engine: {error}")
    subprocess.run([shutil.which("make") or "make", "-C", str(ROOT), "docker-build"], check=True)


@pytest.fixture(params=["api", "worker", "dashboard"])
def service(request: pytest.FixtureRequest) -> str:
    """The name of each service in turn."""
    return str(request.param)


@pytest.fixture
def image(service: str) -> str:
    """The reference of the service's image."""
    return reference(service)


@pytest.fixture
def network() -> Iterator[str]:
    """A network of the test's own, in which containers find each other by alias."""
    name = f"images-test-{uuid.uuid4().hex[:12]}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture
def start(network: str) -> Iterator[Start]:
    """Starts containers in the test's network, and removes them at its end."""
    started: list[Container] = []

    def start_one(image: str, *options: str, **environment: str) -> Container:
        started.append(run(image, f"--network={network}", *options, **environment))
        return started[-1]

    yield start_one
    for container in started:
        container.remove()
