from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import httpx
import pytest
import yaml

from ..harness.api import Api
from ..harness.commands import run
from ..harness.profiles import PROFILES
from ..harness.receiver import Receiver
from ..harness.release import CHART, Release
from ..harness.suite import Suite
from ..settings import ROOT

CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry on this machine's loopback."""
    program = ROOT / ".tools/chart/registry"
    if not program.exists():
        pytest.skip("no registry: `make release-test` builds it where Go is")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (tmp_path / "config.yml").write_text(CONFIG.format(folder=tmp_path / "data", port=port))
    process = subprocess.Popen(
        [str(program), "serve", str(tmp_path / "config.yml")], stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
            client.get(f"http://127.0.0.1:{port}/v2/").raise_for_status()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def test_a_chart_of_a_registry_is_installed_and_delivers(
    suite: Suite, registry: str, tmp_path: Path
) -> None:
    """`helm install oci://…` with default values, and a first task is delivered soon after."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    await run("helm", "package", str(CHART), "--destination", str(tmp_path))
    package = tmp_path / f"queue-system-{version}.tgz"
    await run("helm", "push", str(package), f"oci://{registry}/charts", "--plain-http")
    async with suite.namespace("fresh", {}) as namespace:
        receiver = await Receiver.start(namespace)
        release = Release(
            namespace,
            "queue",
            PROFILES["default"].values[:1],
            chart=f"oci://{registry}/charts/queue-system",
            options=("--version", version, "--plain-http"),
        )
        begin = time.monotonic()
        await release.install("worker.autoscaling.mode=auto")
        installed = time.monotonic()
        key = await release.root_key()
        async with Api.reach(suite.settings.ingress_url, release.host, key) as api:
            task_id = await api.create(receiver.ledger().url())
            await api.until(task_id, state="delivered")
        delivered = time.monotonic()
        scalers = await namespace.items("apis/autoscaling/v2/horizontalpodautoscalers")
        await release.uninstall()

    sys.stdout.write(
        f"\nhelm install oci://: {installed - begin:.1f} s until all is ready,"
        f" {delivered - installed:.1f} s more until a first task is delivered\n"
    )
    assert [each["spec"]["scaleTargetRef"]["name"] for each in scalers] == [
        "queue-queue-system-worker"
    ]
