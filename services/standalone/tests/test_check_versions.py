from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/check_versions.py"
CHART = "charts/queue-system"
MEMBER = '[project]\nversion = "0.1.0"\n'
ABOUT = """
version: 0.3.0
appVersion: "0.1.0"
annotations:
  artifacthub.io/images: |
    - {name: api, image: "queue-api:0.1.0"}
    - {name: worker, image: "queue-worker:0.1.0"}
    - {name: dashboard, image: "queue-dashboard:0.1.0"}
    - {name: redis, image: "redis:7"}
"""
VALUES = """
api: {image: {repository: queue-api, tag: "0.1.0"}}
worker: {image: {repository: queue-worker, tag: "0.1.0"}}
dashboard: {image: {repository: queue-dashboard, tag: "0.1.0"}}
redis: {enabled: true}
"""
COMPOSE = """
services:
  api: {image: "queue-api:0.1.0", build: {args: {VERSION: 0.1.0}}}
  worker: {image: "queue-worker:0.1.0", build: {args: {VERSION: 0.1.0}}}
  dashboard: {image: "queue-dashboard:0.1.0", build: {args: {VERSION: 0.1.0}}}
"""
AGREEING = {
    "libs/common/pyproject.toml": MEMBER,
    "libs/common/CHANGELOG.md": "## Unreleased\n\n## 0.1.0\n",
    "services/api/pyproject.toml": MEMBER,
    "services/api/CHANGELOG.md": "## Unreleased\n",
    "services/worker/pyproject.toml": MEMBER,
    "services/worker/CHANGELOG.md": "## Unreleased\n",
    "services/dashboard/pyproject.toml": MEMBER,
    "services/dashboard/CHANGELOG.md": "## Unreleased\n",
    "docker-compose.yml": COMPOSE,
    f"{CHART}/Chart.yaml": ABOUT,
    f"{CHART}/values.yaml": VALUES,
    f"{CHART}/charts/redis/values.yaml": 'image: {repository: redis, tag: "7"}\n',
    f"{CHART}/CHANGELOG.md": "## Unreleased\n\n## 0.3.0\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of nothing but what names a version, which all agree."""
    for name, text in AGREEING.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    return tmp_path


def check(repository: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, repository / "scripts" / SCRIPT.name],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_versions_that_agree_pass(repository: Path) -> None:
    """Where every place names the same version, the check is silent and ends with 0."""
    assert check(repository) == (0, "")


@pytest.mark.parametrize(
    ("path", "before", "after", "named"),
    [
        ("services/api/pyproject.toml", '"0.1.0"', '"0.2.0"', "Chart.yaml: appVersion"),
        ("services/api/pyproject.toml", '"0.1.0"', '"0.2.0"', "services.api.image"),
        ("services/worker/pyproject.toml", '"0.1.0"', '"0.2.0"', "worker.image.tag"),
        ("docker-compose.yml", "VERSION: 0.1.0", "VERSION: 0.2.0", "build.args.VERSION"),
        (f"{CHART}/values.yaml", 'queue-api, tag: "0.1.0"', "queue-api, tag: 0.1", "api.image.tag"),
        (f"{CHART}/Chart.yaml", "redis:7", "redis:8", "artifacthub.io/images"),
        (f"{CHART}/Chart.yaml", "version: 0.3.0", "version: 0.4.0", f"{CHART}/CHANGELOG.md"),
        ("libs/common/CHANGELOG.md", "## 0.1.0", "## 0.0.9", "libs/common/CHANGELOG.md"),
    ],
)
def test_a_version_that_differs_is_named(
    repository: Path, path: str, before: str, after: str, named: str
) -> None:
    """One place that names another version ends the check with 1, and is named."""
    text = (repository / path).read_text()
    assert before in text
    (repository / path).write_text(text.replace(before, after))

    code, said = check(repository)

    assert code == 1
    assert named in said
