from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from .helm import CHART, Helm, Rendering, found

CASES = sorted((CHART / "ci").glob("*.yaml"))


def _major(binary: Path) -> str:
    version = subprocess.run(
        [str(binary), "version", "--template", "{{.Version}}"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return version.stdout.strip().split(".")[0].removeprefix("v")


def helms() -> Iterator[tuple[str, Path]]:
    """Each major version of Helm there is, with its program."""
    seen = set()
    for name in ("helm", "helm4", "helm3"):
        binary = found(name)
        if binary is not None and (major := _major(binary)) not in seen:
            seen.add(major)
            yield f"helm{major}", binary


HELMS = dict(helms())
NO_HELM = "no Helm: `make chart-tools` builds it where Go is, or put helm (3 or 4) on PATH"


@pytest.fixture(scope="session", params=list(HELMS) or ["none"])
def helm(request: pytest.FixtureRequest) -> Helm:
    """Each Helm that is there."""
    if request.param == "none":
        pytest.skip(NO_HELM)
    return Helm(HELMS[request.param])


@pytest.fixture(params=CASES, ids=lambda path: path.stem.removesuffix("-values"))
def case(request: pytest.FixtureRequest, helm: Helm) -> Rendering:
    """Each of the installations in ci/, rendered."""
    return helm.render(yaml.safe_load(request.param.read_text()))
