"""What is built from: held by hash or exact version, and written down."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def boms() -> dict[str, dict[str, Any]]:
    """What `make sbom` writes, by service."""
    subprocess.run(["make", "--silent", "sbom"], cwd=ROOT, check=True, capture_output=True)
    paths = {name: ROOT / f"dist/queue-{name}.cdx.json" for name in ("api", "worker", "dashboard")}
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


@pytest.mark.parametrize(
    ("service", "needs", "lacks"),
    [
        ("api", "fastapi", "ruff"),
        ("worker", "httptools", "fastapi"),
        ("dashboard", "jinja2", "redis"),
    ],
)
def test_the_sbom_names_what_a_service_is_made_of(
    boms: dict[str, dict[str, Any]], service: str, needs: str, lacks: str
) -> None:
    """It is CycloneDX, with the versions that are installed, and a hash for each package."""
    bom = boms[service]
    found = {component["name"]: component for component in bom["components"]}

    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    assert bom["metadata"]["component"]["name"] == f"queue-{service}"
    assert found[needs]["version"] == version(needs)
    assert lacks not in found
    for name, component in found.items():
        files = component.get("externalReferences", [])
        hashes = [h["alg"] for file in files for h in file["hashes"]]
        assert "SHA-256" in hashes or name.startswith("queue-"), name


def test_build_tools_are_held() -> None:
    """Members are built by one exact version of hatchling, with a uv that is known by its hash."""
    manifests = [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    required = {tuple(tomllib.loads(m.read_text())["build-system"]["requires"]) for m in manifests}
    tool = (ROOT / "uv.txt").read_text()

    assert len(required) == 1
    assert all(re.fullmatch(r"hatchling==[\d.]+", name) for (name,) in required)
    assert re.search(r"^uv==[\d.]+ \\\n +--hash=sha256:[0-9a-f]{64}", tool, re.MULTILINE)
