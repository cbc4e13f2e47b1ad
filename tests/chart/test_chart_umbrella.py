"""Ours as a part of another chart, which switches it, names it anew and has it twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .helm import CHART, Helm, Rendering

VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]


@pytest.fixture(scope="session")
def umbrella(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that has ours as a part, once by its name and twice by another."""
    folder = tmp_path_factory.mktemp("umbrella") / "company"
    ours = {"name": "queue-system", "version": VERSION, "repository": ""}
    names = ("queue-system", "mails", "hooks")
    parts = [
        {**ours, "condition": f"{name}.enabled"}
        | ({} if name == "queue-system" else {"alias": name})
        for name in names
    ]
    about = {"apiVersion": "v2", "name": "company", "version": "1.0.0", "dependencies": parts}
    shutil.copytree(CHART, folder / "charts/queue-system")
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    values = {name: {"enabled": False} for name in names}
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return folder


def identities(rendering: Rendering) -> list[tuple[str, str]]:
    return [(item["kind"], item["metadata"]["name"]) for item in rendering.objects]


def test_a_condition_switches_it(helm: Helm, umbrella: Path) -> None:
    """`queue-system.enabled` decides, and is not refused as a key that nothing reads."""
    assert not helm.render(chart=umbrella).objects
    rendering = helm.render({"queue-system": {"enabled": True}}, chart=umbrella)

    assert ("StatefulSet", "demo-redis") in identities(rendering)
    assert ("Deployment", "demo-queue-system-api") in identities(rendering)


@pytest.fixture
def twice(helm: Helm, umbrella: Path) -> Rendering:
    """Two of ours in one release, each under a name of its own, with values for all charts."""
    values: dict[str, Any] = {
        "global": {"imageRegistry": "mirror", "imagePullSecrets": [{"name": "login"}], "team": "x"},
        "mails": {"enabled": True, "worker": {"concurrency": 7}},
        "hooks": {"enabled": True, "worker": {"concurrency": 9}},
    }
    return helm.render(values, chart=umbrella)


def test_two_of_one_release_share_nothing(twice: Rendering) -> None:
    """No object is made twice, and each part's processes use its own Redis."""
    made = identities(twice)
    assert len(set(made)) == len(made)

    for name, concurrency in (("mails", "7"), ("hooks", "9")):
        worker = twice.one("ConfigMap", f"-{name}-worker")["data"]
        assert worker["WORKER_CONCURRENCY"] == concurrency
        assert worker["REDIS_ADDR"] == f"demo-{name}-redis:6379"
        assert twice.one("Service", f"-{name}-redis")


def test_selectors_of_two_do_not_meet(twice: Rendering) -> None:
    """Each Service and Deployment selects pods of one part alone."""
    workloads = [*twice.all("Deployment"), *twice.all("StatefulSet")]
    labels = [item["spec"]["template"]["metadata"]["labels"] for item in workloads]
    for item in (*workloads, *twice.all("Service")):
        selector = item["spec"]["selector"]
        chosen = selector.get("matchLabels", selector).items()

        assert len([each for each in labels if chosen <= each.items()]) == 1


def test_values_for_all_charts_reach_every_pod(twice: Rendering) -> None:
    """`global` names registry and pull secrets once for all; its other keys are others' own."""
    pods = [
        item["spec"]["template"]["spec"]
        for item in twice.objects
        if item["kind"] in {"Deployment", "StatefulSet", "Job"}
    ]

    assert len(pods) == 8
    for pod in pods:
        assert pod["imagePullSecrets"] == [{"name": "login"}]
        assert pod["containers"][0]["image"].startswith("mirror/")
