from __future__ import annotations

import pytest

from .helm import Helm, Rendering

LONG = "a-release-whose-name-is-fifty-characters-long-0001"
EVERYTHING = {
    "jaeger": {"enabled": True},
    "ingress": {"enabled": True},
    "metrics": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True},
    },
    "worker": {"autoscaling": {"mode": "hpa"}},
    "api": {"autoscaling": {"enabled": True}},
}


def names(rendering: Rendering) -> list[tuple[str, str]]:
    return [(item["kind"], item["metadata"]["name"]) for item in rendering.objects]


def test_names_come_from_the_release(helm: Helm) -> None:
    """Every object's name begins with the release's."""
    assert all(name.startswith("demo-") for _, name in names(helm.render(EVERYTHING)))


def test_a_release_named_like_the_chart_is_not_named_twice(helm: Helm) -> None:
    """`helm install queue-system` makes queue-system-api."""
    rendering = helm.render(name="queue-system")

    assert rendering.one("Deployment", "-api")["metadata"]["name"] == "queue-system-api"


def test_two_releases_share_a_namespace(helm: Helm) -> None:
    """No object of one release is one of the other's, also where long names differ at their end."""
    first = names(helm.render(EVERYTHING, name=LONG))
    second = names(helm.render(EVERYTHING, name=LONG.replace("0001", "0002")))

    assert not set(first) & set(second)


@pytest.mark.parametrize("name", [LONG, "x" * 53, "demo"], ids=["50", "53", "short"])
def test_names_fit(helm: Helm, name: str) -> None:
    """No name is longer than Kubernetes takes, whatever the release's; each is there once."""
    made = names(helm.render(EVERYTHING, name=name))

    assert max(len(made_name) for _, made_name in made) <= 63
    # Kubernetes puts the name and a hash of ten characters into a label.
    assert all(len(made_name) <= 52 for kind, made_name in made if kind == "StatefulSet")
    assert len(set(made)) == len(made)


def test_labels_fit(helm: Helm) -> None:
    """No label's value is longer than 63 characters."""
    values = {"api": {"image": {"tag": "1.0.0-" + "x" * 100}}, "nameOverride": "n" * 70}
    rendering = helm.render(EVERYTHING, values, name="x" * 53)
    labels = [item["metadata"]["labels"] for item in rendering.objects]

    assert max(len(value) for each in labels for value in each.values()) <= 63


@pytest.mark.parametrize(
    ("values", "api"),
    [
        ({"nameOverride": "tasks"}, "demo-tasks-api"),
        ({"fullnameOverride": "mine"}, "mine-api"),
        ({"nameOverride": "demo"}, "demo-api"),
    ],
    ids=["name", "full", "contained"],
)
def test_names_can_be_overridden(helm: Helm, values: dict[str, str], api: str) -> None:
    """NameOverride and fullnameOverride name all objects, and all that refers to them."""
    rendering = helm.render(EVERYTHING, values)

    assert rendering.one("Deployment", "-api")["metadata"]["name"] == api
    backend = rendering.one("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend["service"]["name"] == api


def test_selectors_find_their_own_pods_alone(case: Rendering) -> None:
    """Each Service, budget, policy and Deployment selects the pods of exactly one component."""
    pods = {name: pod["metadata"]["labels"] for name, pod in case.pods().items()}
    for item in case.objects:
        spec = item.get("spec") or {}
        selector = spec.get("podSelector") or spec.get("selector")
        if item["kind"] in {"ServiceMonitor", "PersistentVolumeClaim"} or not selector:
            continue
        wanted = selector.get("matchLabels", selector).items()
        chosen = [name for name, labels in pods.items() if wanted <= labels.items()]

        assert len(chosen) == 1, item["metadata"]["name"]


def test_labels_tell_the_components_own_version(helm: Helm) -> None:
    """app.kubernetes.io/version is the image's tag: api and worker are released apart."""
    rendering = helm.render({"worker": {"image": {"tag": "0.7.1"}}, "tests": {"enabled": True}})
    versions = {
        name: pod["metadata"]["labels"].get("app.kubernetes.io/version")
        for name, pod in rendering.pods().items()
    }

    assert versions == {
        "api": "0.1.0", "worker": "0.7.1", "redis": "7-alpine", "test": None, "secrets": None,
    }  # fmt: skip
