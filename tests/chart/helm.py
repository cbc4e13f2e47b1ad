"""Helm as the tests use it: renderings, refusals, and what is found in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["CHART", "CLUSTER", "ROOT", "TOOLS", "Helm", "Rendering", "found", "merged"]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/queue-system"
TOOLS = ROOT / ".tools/chart"
"""Where ``make chart-tools`` leaves what is not on PATH."""
CLUSTER = (
    "v1/Secret",
    "keda.sh/v1alpha1/ScaledObject",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "gateway.networking.k8s.io/v1/HTTPRoute",
)
"""What a cluster with KEDA, Prometheus Operator and the Gateway API says that it has."""

NO_CLUSTER = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"}

ELSEWHERE = "from-elsewhere-" * 3
"""What a variable from a Secret is shown as: long enough for a key."""

Object = dict[str, Any]


def found(name: str) -> Path | None:
    """Return a program on PATH, or of ``make chart-tools``; None where there is none."""
    on_path = shutil.which(name) or shutil.which(name, path=str(TOOLS))
    return Path(on_path) if on_path else None


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return values laid over each other, as Helm does with its ``--values``."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            old = result.get(key)
            both = isinstance(old, dict) and isinstance(value, dict)
            result[key] = merged(old, value) if both and isinstance(old, dict) else value
    return result


@dataclass(frozen=True)
class Rendering:
    """The objects of one rendering."""

    objects: tuple[Object, ...]

    def all(self, kind: str) -> list[Object]:
        """Return the objects of that kind."""
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind: str, suffix: str = "") -> Object:
        """Return the only object of that kind whose name ends so."""
        (item,) = [o for o in self.all(kind) if o["metadata"]["name"].endswith(suffix)]
        return item

    def pods(self) -> dict[str, Object]:
        """Return each pod or pod template by its component."""
        templates = [
            *(item for item in self.all("Pod")),
            *(item["spec"]["template"] for item in self.all("Deployment")),
            *(item["spec"]["template"] for item in self.all("StatefulSet")),
            *(item["spec"]["template"] for item in self.all("Job")),
        ]
        return {t["metadata"]["labels"]["app.kubernetes.io/component"]: t for t in templates}

    def container(self, component: str) -> Object:
        """Return the container of a component's pod that has the component's name."""
        containers = self.pods()[component]["spec"]["containers"]
        (container,) = [each for each in containers if each["name"] == component]
        return dict(container)

    def environment(self, component: str) -> dict[str, str]:
        """Return the variables a component's process sees; what a Secret holds is shown as such."""
        container = self.container(component)
        variables: dict[str, str] = {}
        variables |= self.one("ConfigMap", container["envFrom"][0]["configMapRef"]["name"])["data"]
        for entry in container["env"]:
            variables[entry["name"]] = entry.get("value", ELSEWHERE)
        return variables


@dataclass
class Helm:
    """One Helm, and what it has rendered already."""

    binary: Path
    _known: dict[str, Rendering] = field(default_factory=dict)

    def run(self, *arguments: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """Run Helm with values, without a cluster."""
        command = [str(self.binary), *arguments, "--values", "-"]
        return subprocess.run(
            command, input=json.dumps(values), capture_output=True, text=True, check=False,
            timeout=60, env=NO_CLUSTER,
        )  # fmt: skip

    def template(
        self, values: dict[str, Any], name: str, apis: tuple[str, ...], chart: Path = CHART
    ) -> subprocess.CompletedProcess[str]:
        """Run ``helm template``."""
        options = [f"--api-versions={api}" for api in apis]
        return self.run(
            "template", name, str(chart), "--namespace=space", "--kube-version=1.34.0", *options,
            values=values,
        )  # fmt: skip

    def render(
        self,
        *values: dict[str, Any],
        name: str = "demo",
        apis: tuple[str, ...] = CLUSTER,
        chart: Path = CHART,
    ) -> Rendering:
        """Return what the chart makes of the values; it must accept them."""
        key = json.dumps([values, name, apis, str(chart)])
        if key not in self._known:
            done = self.template(merged(*values), name, apis, chart)
            assert done.returncode == 0, done.stderr
            objects = [item for item in yaml.safe_load_all(done.stdout) if item]
            self._known[key] = Rendering(tuple(objects))
        return self._known[key]

    def refusal(self, *values: dict[str, Any], apis: tuple[str, ...] = CLUSTER) -> str:
        """Return why the chart refuses the values, on one line; it must refuse them."""
        done = self.template(merged(*values), "demo", apis)
        assert done.returncode != 0, "accepted"
        return re.sub(r"\s+", " ", done.stderr)
