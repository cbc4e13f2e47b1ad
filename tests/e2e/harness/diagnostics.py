"""What one wants to see of a cluster after a test failed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["collect"]

TAIL_LINES = 5
_ALL = "pods,services,endpointslices,ingresses,deployments,statefulsets,hpa,pdb,pvc,networkpolicies"


def collect(kubeconfig: Path, namespaces: Iterable[str], folder: Path) -> str:
    """Write logs, events and descriptions into ``folder``; return the essentials as text.

    Synchronous, and never raises: it is called when something else went wrong already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = [f"Everything that was collected is in {folder}"]
    for namespace in namespaces:
        seen = _Seen(kubeconfig, namespace, folder)
        told.append(seen.keep("pods", "get", "pods", "-o", "wide"))
        seen.keep("objects", "get", _ALL, "-o", "wide")
        seen.keep("describe", "describe", "pods,hpa,pvc,ingresses")
        events = seen.keep("events", "events", "--types=Warning")
        told.append("\n".join(events.splitlines()[-TAIL_LINES:]))
        told.extend(_logs(seen))
    seen = _Seen(kubeconfig, "kube-system", folder)
    seen.keep("nodes", "describe", "nodes")
    seen.keep("use", "top", "pods", "--all-namespaces")
    return "\n\n".join(text for text in told if text.strip())


def _logs(seen: _Seen) -> Iterable[str]:
    for pod in seen.ask("get", "pods", "-o", "name").split():
        name = pod.partition("/")[2]
        log = seen.keep(f"log-{name}", "logs", pod, "--all-containers", "--timestamps")
        if seen.restarted(pod):
            seen.keep(f"log-{name}-previous", "logs", pod, "--all-containers", "--previous")
        if trouble := [line for line in log.splitlines() if _is_trouble(line)]:
            yield "\n".join([f"{name}:", *trouble[-TAIL_LINES:]])


def _is_trouble(line: str) -> bool:
    return bool(re.search(r'"level": ?"(warning|error|critical)"|Traceback|Error:', line))


class _Seen:
    """Responses of kubectl about one namespace, kept in files."""

    def __init__(self, kubeconfig: Path, namespace: str, folder: Path) -> None:
        self._prefix = ("kubectl", "--kubeconfig", str(kubeconfig), "--namespace", namespace)
        self._name = folder / namespace

    def ask(self, *arguments: str) -> str:
        try:
            response = subprocess.run(
                [*self._prefix, *arguments], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{error}\n"
        return response.stdout + response.stderr

    def keep(self, what: str, *arguments: str) -> str:
        response = self.ask(*arguments)
        self._name.with_name(f"{self._name.name}-{what}.txt").write_text(response)
        return response

    def restarted(self, pod: str) -> bool:
        counts = self.ask("get", pod, "-o", "jsonpath={.status.containerStatuses[*].restartCount}")
        return any(count != "0" for count in counts.split())
