"""The suite's variables, read here alone."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "SuiteSettings"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    """Where the suite runs and how images get there."""

    kubeconfig: Path | None
    """The cluster to use; None: the suite makes one by kind, and deletes it at the end."""
    kind_node_image: str | None
    """The node's image of a cluster that the suite makes; None: kind's own choice."""
    ingress_url: str
    """Where the cluster's ingress controller responds, as seen from here."""
    load_command: tuple[str, ...]
    """Copies images of the Docker engine, its last arguments, into the cluster."""
    build_flags: tuple[str, ...]
    """What ``docker build`` of the receiver needs besides."""
    reports: Path
    """The folder for what is collected of a test that failed."""
    previous: str
    """The commit of the version that runs beside this one."""
    keep: bool
    """Leave everything as it is at the end, to look at it."""

    @staticmethod
    def from_environment() -> SuiteSettings:
        """Read the variables."""
        kubeconfig = os.environ.get("KUBECONFIG")
        return SuiteSettings(
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            kind_node_image=os.environ.get("E2E_KIND_NODE_IMAGE") or None,
            ingress_url=os.environ.get("E2E_INGRESS_URL") or "http://127.0.0.1:8081",
            load_command=tuple(
                shlex.split(os.environ.get("E2E_LOAD_COMMAND") or "kind load docker-image")
            ),
            build_flags=tuple(shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))),
            reports=Path(os.environ.get("E2E_REPORTS") or ROOT / ".e2e"),
            previous=os.environ.get("E2E_PREVIOUS") or "HEAD~1",
            keep=os.environ.get("E2E_KEEP", "") not in ("", "0", "false"),
        )
