"""How the images run: as a pod of the chart, with no right to write and none to spare."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from queue_testing import wait_until

from .conftest import NEEDED, Start, reference
from .containers import docker

STARTED = {
    "api": "Application startup complete",
    "worker": "redis.unavailable",
    "dashboard": "Application startup complete",
}
WRONG = {"api": "REDIS_ADDR", "worker": "REDIS_ADDR", "dashboard": "DASHBOARD_API_URL"}
STOP_SECONDS = 10


def fetch(url: str, body: object = None) -> dict[str, Any]:
    """The JSON of a response; an empty object if nothing responds yet."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as response:  # noqa: S310 # a URL of the test's
            document: dict[str, Any] = json.load(response)
    except (urllib.error.URLError, ConnectionError):
        return {}
    return document


async def test_a_task_goes_through_both(start: Start) -> None:
    """With no right to write anywhere, the API takes a task and the worker delivers it."""
    start(
        "redis:7-alpine",
        "--network-alias=redis",
        "--user=999:1000",
        "--tmpfs=/data:mode=1777",
    )
    api = start(
        reference("api"),
        "--network-alias=api",
        "--publish=127.0.0.1::8080",
        REDIS_ADDR="redis:6379",
        EGRESS_ALLOW="api",
        API_AUTH="off",
    )
    start(reference("worker"), REDIS_ADDR="redis:6379", EGRESS_ALLOW="api")
    tasks = f"http://{api.address(8080)}/api/v1/tasks"
    task = {"url": "http://api:8080/health", "method": "GET"}

    await wait_until(lambda: fetch(f"http://{api.address(8080)}/ready"), "the API is ready", 30)
    created = fetch(tasks, task)["task_id"]

    await wait_until(
        lambda: fetch(f"{tasks}/{created}").get("state") == "delivered", "the task is delivered", 30
    )


async def test_sigterm_ends_it_at_once(start: Start, image: str, service: str) -> None:
    """SIGTERM reaches the process, also while it waits for a Redis: it ends with exit code 0."""
    container = start(image, **NEEDED[service])
    await wait_until(lambda: STARTED[service] in container.logs(), "it has started", 30)

    docker("kill", "--signal=TERM", container.name)
    await wait_until(lambda: container.state()["Status"] == "exited", "it has ended", STOP_SECONDS)

    assert container.exit_code() == 0


def test_bad_configuration_is_refused(start: Start, image: str, service: str) -> None:
    """A value that cannot be ends it with exit code 2 and a line that names the variable."""
    variable = WRONG[service]
    container = start(image, **NEEDED[service], **{variable: "nowhere:at:all"})

    assert container.exit_code() == 2
    assert container.logs().startswith(f"{variable}=nowhere:at:all")


@pytest.mark.parametrize("service", ["api"])
def test_it_knows_the_worlds_certificates(start: Start, image: str) -> None:
    """The system's certificates are there, for a Redis or a collector behind TLS."""
    program = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 0)"

    assert docker("run", "--rm", "--entrypoint=python", image, "-Ic", program) == "True"
