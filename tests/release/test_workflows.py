from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .tools import ROOT, found

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(path: Path) -> list[dict[str, str]]:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_the_workflows_are_right() -> None:
    """Actionlint finds no mistake in syntax, expressions, events and permissions."""
    program = found("actionlint")
    if program is None:
        pytest.skip("no actionlint: `make release-test` builds it where Go is")
    done = subprocess.run(
        [str(program), "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_make(path: Path) -> None:
    """What a workflow runs of this repository is a target of make, as developers have it."""
    commands = [line.strip() for step in steps(path) for line in step.get("run", "").splitlines()]
    called = {word for line in commands for word in re.findall(r"\bmake ([a-z0-9-]+)", line)}

    assert called
    assert called <= TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_of_others_are_held_by_a_version(path: Path) -> None:
    """No action is taken from a branch."""
    used = [step["uses"] for step in steps(path) if "uses" in step]

    assert used
    assert [each for each in used if not re.search(r"@v\d+", each)] == []
