from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import httpx
import pytest

from queue_testing import free_port

from .tools import ROOT, found

SOURCE = "https://code.example.com/queue"
CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of images and charts on this machine's loopback."""
    program = found("registry")
    if program is None:
        pytest.skip("no registry: `make release-test` builds it where Go is")
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    (folder / "config.yml").write_text(CONFIG.format(folder=folder / "data", port=port))
    process = subprocess.Popen(
        [str(program), "serve", str(folder / "config.yml")], stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        transport = httpx.HTTPTransport(retries=10)  # while it starts, with growing pauses
        with httpx.Client(transport=transport) as client:
            client.get(f"http://127.0.0.1:{port}/v2/").raise_for_status()
        yield f"127.0.0.1:{port}/queue"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def released(registry: str) -> Path:
    """The folder that a release to the registry leaves; its images come last, by a test's own."""
    if found("helm") is None:
        pytest.skip("no Helm: `make chart-tools` builds it where Go is")
    make("build", "sbom")
    release("--registry", registry, "--no-images")
    return ROOT / "dist"


def make(*targets: str) -> None:
    """Run make's targets in this repository."""
    subprocess.run(["make", "-C", str(ROOT), *targets], check=True, capture_output=True)


def release(*arguments: str) -> str:
    """Run the script of `make release` and return what it prints.

    All releases of a run leave the same in one folder, in whatever order the tests come.
    """
    program = [str(ROOT / ".venv/bin/python"), str(ROOT / "scripts/release.py")]
    script = [*program, "--source", SOURCE]
    done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
