from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm, Rendering

OWN = {"auth": {"existingSecret": "keys", "existingSecretRootKeyKey": "root"}}


def root_key(rendering: Rendering, component: str = "api") -> dict[str, Any] | None:
    """The Secret and its key that a component's API_ROOT_KEY comes from."""
    for entry in rendering.container(component)["env"]:
        if entry["name"] == "API_ROOT_KEY":
            return dict(entry["valueFrom"]["secretKeyRef"])
    return None


def test_the_api_needs_a_key_by_default(helm: Helm) -> None:
    """A root key of a Secret of its own reaches the API, and no other component."""
    rendering = helm.render()

    assert rendering.environment("api")["API_AUTH"] == "on"
    assert root_key(rendering) == {"name": "demo-queue-system-auth", "key": "root-key"}
    assert rendering.one("Secret", "-auth")
    assert root_key(rendering, "worker") is None
    assert root_key(rendering, "redis") is None


def test_a_root_key_of_ones_own_is_used(helm: Helm) -> None:
    """With auth.existingSecret no Secret is made, and `helm test` reads the same one."""
    rendering = helm.render(OWN, {"tests": {"enabled": True}})
    reference = {"name": "keys", "key": "root"}

    assert root_key(rendering) == reference
    assert root_key(rendering, "test") == reference
    assert not [s for s in rendering.all("Secret") if s["metadata"]["name"].endswith("-auth")]


def test_keys_can_be_left_out(helm: Helm) -> None:
    """auth.enabled=false says so to the API, which would not start otherwise, and makes no key."""
    rendering = helm.render({"auth": {"enabled": False}}, {"tests": {"enabled": True}})

    assert rendering.environment("api")["API_AUTH"] == "off"
    assert root_key(rendering) is None
    assert root_key(rendering, "test") is None
    assert not [s for s in rendering.all("Secret") if s["metadata"]["name"].endswith("-auth")]


def secret_of(rendering: Rendering, component: str, variable: str) -> dict[str, Any] | None:
    """The Secret and its key that a variable of a component comes from."""
    env = {e["name"]: e for e in rendering.container(component)["env"]}
    return dict(env[variable]["valueFrom"]["secretKeyRef"]) if variable in env else None


def test_requests_are_signed(helm: Helm) -> None:
    """The signing secrets of a Secret reach the workers, and the API for its listeners."""
    rendering = helm.render({"signing": {"existingSecret": "sign", "existingSecretKey": "k"}})

    for component in ("api", "worker"):
        assert secret_of(rendering, component, "SIGNING_SECRETS") == {"name": "sign", "key": "k"}
        assert secret_of(helm.render(), component, "SIGNING_SECRETS") is None


def test_tasks_are_encrypted_by_keys_of_a_secret(helm: Helm) -> None:
    """API and workers know the encryption keys; without a Secret neither does."""
    rendering = helm.render({"encryption": {"existingSecret": "seal", "existingSecretKey": "k"}})

    for component in ("api", "worker"):
        assert secret_of(rendering, component, "ENCRYPTION_KEYS") == {"name": "seal", "key": "k"}
        assert secret_of(helm.render(), component, "ENCRYPTION_KEYS") is None


@pytest.mark.parametrize("values", [{}, OWN], ids=["generated", "own"])
def test_the_root_key_is_in_no_other_object(helm: Helm, values: dict[str, Any]) -> None:
    """What needs the key refers to the Secret; no ConfigMap and no argument has it."""
    rendering = helm.render(values)

    assert "API_ROOT_KEY" not in str(rendering.all("ConfigMap"))
    assert "root_" not in str([item for item in rendering.objects if item["kind"] != "Job"])
