"""The command lines of all processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic_settings import BaseSettings

from queue_api.settings import ApiSettings
from queue_dashboard.settings import DashboardSettings
from queue_standalone.settings import StandaloneSettings
from queue_worker.settings import WorkerSettings

PROCESSES: dict[str, type[BaseSettings]] = {
    "api": ApiSettings, "worker": WorkerSettings, "dashboard": DashboardSettings,
    "standalone": StandaloneSettings,
}  # fmt: skip


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a process until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", f"queue_{name}", *arguments], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", PROCESSES)
def test_help_explains_each_variable(name: str) -> None:
    """`--help` starts nothing: it prints what the process is, and each variable with its words."""
    done = run(name, "--help")
    head, _, *variables = done.stdout.split("\n\n")
    explained = {text.partition("\n")[0].partition("=")[0]: text for text in variables}

    assert (done.returncode, done.stderr) == (0, "")
    assert head.startswith(f"queue-{name}: ")
    assert explained.keys() == {field.upper() for field in PROCESSES[name].model_fields}
    assert [v for v, text in explained.items() if not text.partition("\n")[2].strip()] == []


@pytest.mark.parametrize("name", PROCESSES)
def test_an_unknown_argument_is_refused(name: str) -> None:
    """Another argument ends the process with 2, and the error names it."""
    done = run(name, "--port=1")

    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown argument '--port=1'" in done.stderr
