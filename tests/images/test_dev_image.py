"""The stage of the Dockerfiles that ``skaffold dev`` builds."""

from __future__ import annotations

import os
import subprocess

import pytest

from queue_testing import wait_until

from .conftest import NEEDED, ROOT, Start
from .containers import docker

STARTED = {
    "api": "Started server process",
    "worker": "redis.unavailable",
    "dashboard": "Started server process",
}
CHANGE = 'print("the changed source", flush=True)\n'


@pytest.fixture
def dev_image(service: str) -> str:
    """The image of the stage, built as skaffold builds it."""
    flags = os.environ.get("DOCKER_BUILD_FLAGS", "").split()
    dockerfile, tag = f"services/{service}/Dockerfile", f"queue-{service}:dev"
    subprocess.run(
        ["docker", "build", *flags, "--target=dev", "--file", dockerfile, "--tag", tag, "."],
        cwd=ROOT,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        check=True,
    )
    return tag


async def test_a_changed_source_runs(start: Start, dev_image: str, service: str) -> None:
    """A source file put where skaffold syncs it to starts the service again, with the change."""
    source = f"services/{service}/src/queue_{service}/__main__.py"
    container = start(dev_image, "--read-only=false", **NEEDED[service])
    await wait_until(lambda: STARTED[service] in container.logs(), "it has started", 30)

    append = f"open({'/app/' + source!r}, 'a').write({CHANGE!r})"
    docker("exec", container.name, "python", "-c", append)

    await wait_until(lambda: "the changed source" in container.logs(), "the change has run", 30)
    await wait_until(
        lambda: STARTED[service] in container.logs().split("the changed source")[-1],
        "it has started again",
        30,
    )
    docker("kill", "--signal=TERM", container.name)
    await wait_until(lambda: container.state()["Status"] == "exited", "it has ended", 15)
