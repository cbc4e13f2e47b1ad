from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .helm import CHART, ROOT, TOOLS, Helm, Rendering, found

SCHEMAS = TOOLS / "schemas/kubernetes_validate/kubernetes-json-schema/v1.34.0-local-strict"
OF_OTHERS = {"ScaledObject", "ServiceMonitor", "PrometheusRule", "HTTPRoute"}


def test_schema_and_readme_are_written_from_the_values() -> None:
    """The schema and the README's table say what values.yaml says now."""
    script = ROOT / "scripts/chart_docs.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("chart", [CHART, CHART / "charts/redis"], ids=["queue-system", "redis"])
def test_helm_lint_finds_nothing(helm: Helm, chart: Path) -> None:
    """The chart and its Redis pass `helm lint --strict`."""
    done = helm.run("lint", "--strict", "--kube-version=1.34.0", str(chart), values={})

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(CHART.rglob("*.tpl")), ids=lambda path: path.name)
def test_helpers_are_short(path: Path) -> None:
    """A file of helpers can be taken in at a glance: 60 lines at most."""
    assert len(path.read_text().splitlines()) <= 60


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kubernetes' schemas where they refer to each other by file, which kubeconform follows."""
    if not SCHEMAS.is_dir():
        pytest.skip("no schemas of Kubernetes: `make chart-tools` installs them")
    target = tmp_path_factory.mktemp("schemas")
    for path in SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text())
        schema.pop("$id", None)
        text = json.dumps(schema).replace('"/api/_definitions.json', '"_definitions.json')
        (target / path.name).write_text(text)
    return target


def test_kubernetes_knows_every_field(case: Rendering, schemas: Path) -> None:
    """Kubeconform takes every object of every installation in ci/, unknown fields refused."""
    kubeconform = found("kubeconform")
    if kubeconform is None:
        pytest.skip("no kubeconform: `make chart-tools` builds it where Go is")
    own = [item for item in case.objects if item["kind"] not in OF_OTHERS]
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = subprocess.run(
        [str(kubeconform), "-strict", "-schema-location", location],
        input=yaml.safe_dump_all(own), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_every_value_is_read() -> None:
    """No value stands in the README, as it does in values.yaml, that no template reads."""
    templates = "".join(path.read_text() for path in CHART.glob("**/templates/**/*.*"))
    values = re.findall(r"^\| `([\w.]+)` \|", (CHART / "README.md").read_text(), re.MULTILINE)

    assert len(values) > 100
    assert [value for value in values if f".{value.split('.')[-1]}" not in templates] == []
