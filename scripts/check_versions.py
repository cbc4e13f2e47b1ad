"""Checks that every place that names a version names the same: ``make check-versions``.

A version is written in a member's ``pyproject.toml``, a chart's in its ``Chart.yaml``; all else
repeats it. Ranges between members are ``make packages``' part.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["mistakes"]

SERVICES = ("api", "worker", "dashboard")
RELEASE = re.compile(r"^## \[?v?(\d+\.\d+\.\d+)", re.MULTILINE)


def mistakes(root: Path) -> Iterator[str]:
    """One sentence for each place under ``root`` that names another version than its source."""
    for manifest in sorted(
        [*root.glob("libs/*/pyproject.toml"), *root.glob("services/*/pyproject.toml")]
    ):
        yield from _changelog(manifest.parent, _member_version(manifest.parent))
    versions = {service: _member_version(root / "services" / service) for service in SERVICES}
    yield from _compose(root / "docker-compose.yml", versions)
    for chart in sorted(root.glob("charts/*/Chart.yaml")):
        yield from _chart(chart.parent, versions)


def _member_version(member: Path) -> str:
    return str(tomllib.loads((member / "pyproject.toml").read_text())["project"]["version"])


def _changelog(package: Path, version: str) -> Iterator[str]:
    path = package / "CHANGELOG.md"
    if not path.exists():
        yield f"{path} is missing"
    elif released := RELEASE.search(path.read_text()):
        yield from _differs(f"{path}: the newest release", released[1], version)


def _compose(path: Path, versions: dict[str, str]) -> Iterator[str]:
    services = yaml.safe_load(path.read_text())["services"]
    for name, version in versions.items():
        where = f"{path}: services.{name}"
        yield from _differs(f"{where}.image", services[name]["image"], f"queue-{name}:{version}")
        built = services[name]["build"]["args"]["VERSION"]
        yield from _differs(f"{where}.build.args.VERSION", built, version)


def _chart(chart: Path, versions: dict[str, str]) -> Iterator[str]:
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    yield from _differs(f"{chart}/Chart.yaml: appVersion", about["appVersion"], versions["api"])
    for name, version in versions.items():
        tag = values[name]["image"]["tag"]
        yield from _differs(f"{chart}/values.yaml: {name}.image.tag", tag, version)
    yield from _images(chart, about, values)
    yield from _changelog(chart, about["version"])


def _images(chart: Path, about: dict[str, Any], values: dict[str, Any]) -> Iterator[str]:
    """Compare Artifact Hub's list of images with those of the values."""
    listed = yaml.safe_load(about["annotations"]["artifacthub.io/images"])
    values["redis"] = yaml.safe_load((chart / "charts/redis/values.yaml").read_text())
    parts = [part for part in values.values() if isinstance(part, dict) and "image" in part]
    expected = [f"{part['image']['repository']}:{part['image']['tag']}" for part in parts]
    where = f"{chart}/Chart.yaml: artifacthub.io/images"
    yield from _differs(where, sorted(each["image"] for each in listed), sorted(expected))


def _differs(where: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:  # also where YAML reads 0.1 as a number
        yield f"{where} is {found!r}, should be {expected!r}"


def main() -> int:
    """Print the mistakes of this repository; 1 where there are any."""
    found = list(mistakes(Path(__file__).parents[1]))
    sys.stderr.writelines(f"{mistake}\n" for mistake in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
