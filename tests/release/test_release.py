from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import SOURCE, release
from .tools import CHART, NO_CLUSTER, ROOT, found

SERVICES = ("queue-api", "queue-worker", "queue-dashboard")
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]


def helm(*arguments: str) -> str:
    program = found("helm")
    assert program is not None
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, check=False, env=NO_CLUSTER
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_chart_is_installed_from_the_registry(released: Path, registry: str) -> None:
    """`helm template oci://…` renders what the registry holds, with images of that registry."""
    assert (released / f"queue-system-{VERSION}.tgz").exists()
    chart = ("demo", f"oci://{registry}/charts/queue-system", "--version", VERSION, "--plain-http")
    objects = [item for item in yaml.safe_load_all(helm("template", *chart)) if item]
    images = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"][0]["image"]
        for item in objects
        if item["kind"] == "Deployment"
    }

    assert images["demo-queue-system-api"].startswith(f"{registry}/queue-api:")
    assert images["demo-queue-system-worker"].startswith(f"{registry}/queue-worker:")


def test_the_chart_says_where_it_comes_from(released: Path, registry: str) -> None:
    """Home, source and Artifact Hub's list of images are those of the release."""
    package = str(released / f"queue-system-{VERSION}.tgz")
    about = yaml.safe_load(helm("show", "chart", package))

    assert about["sources"] == [SOURCE]
    assert "example.com/queue" in about["maintainers"][0]["url"]
    listed = yaml.safe_load(about["annotations"]["artifacthub.io/images"])
    assert f"{registry}/queue-api" in [each["image"].rpartition(":")[0] for each in listed]
    assert about["icon"].startswith("data:image/svg+xml;base64,")


def test_every_file_has_its_checksum(released: Path) -> None:
    """SHA256SUMS names wheels, SBOMs, chart, requirements and text, and all are what it says."""
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("no sha256sum")
    done = subprocess.run(
        [program, "--check", "--strict", "SHA256SUMS"],
        cwd=released, capture_output=True, text=True, check=False,
    )  # fmt: skip
    named = {line.split(":")[0] for line in done.stdout.splitlines()}

    assert done.returncode == 0, done.stderr
    assert {f"{service}.cdx.json" for service in SERVICES} <= named
    assert {f"{service}.requirements.txt" for service in SERVICES} <= named
    assert named == {path.name for path in released.iterdir()} - {"SHA256SUMS", ".gitignore"}


def test_an_sbom_lists_what_the_service_needs(released: Path) -> None:
    """The SBOM is CycloneDX and has the API's web framework in it, the worker's has not."""
    names = {
        service: {
            c["name"]
            for c in json.loads((released / f"{service}.cdx.json").read_text())["components"]
        }
        for service in SERVICES
    }

    assert "fastapi" in names["queue-api"]
    assert "fastapi" not in names["queue-worker"]
    assert "redis" not in names["queue-dashboard"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_installed_by_hashes(released: Path, tmp_path: Path, service: str) -> None:
    """`pip install --require-hashes` takes the list, our wheels from dist/ among the rest."""
    uv = str(ROOT / ".tools/bin/uv")
    subprocess.run([uv, "venv", "--quiet", str(tmp_path / "venv")], check=True)
    done = subprocess.run(
        [
            uv, "pip", "install", "--quiet", "--require-hashes", "--find-links", str(released),
            "--python", str(tmp_path / "venv/bin/python"),
            "--requirements", str(released / f"{service}.requirements.txt"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "venv/bin" / service).exists()


def test_the_text_begins_with_what_changed(released: Path) -> None:
    """The release's text is the changelogs' entries, the chart's first."""
    text = (released / "RELEASE.md").read_text()
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert titles[0] == f"chart queue-system {VERSION}"
    assert len([title for title in titles if title.split(" ")[0] in SERVICES]) == len(SERVICES)
    assert "- " in text


def test_images_are_pushed_and_pulled(registry: str, released: Path) -> None:
    """The images of a release are in its registry under their versions, and can be pulled."""
    if shutil.which("docker") is None:
        pytest.skip("no Docker")
    try:
        subprocess.run(["docker", "image", "inspect", *images()], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("no images: `make docker-build` makes them")
    said = release("--registry", registry)
    pushed = re.findall(r"^pushed (\S+@sha256:\w+)$", said, re.MULTILINE)

    assert len(pushed) == len(SERVICES) + 1
    for reference in (each for each in pushed if "/charts/" not in each):
        subprocess.run(["docker", "pull", "--quiet", reference], check=True, capture_output=True)
    assert (released / "SHA256SUMS").exists()


def images() -> list[str]:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return [
        f"queue-{name}:{values[name]['image']['tag']}" for name in ("api", "worker", "dashboard")
    ]
