from __future__ import annotations

import re
import subprocess

from .tools import ROOT

TEXT = (ROOT / "Makefile").read_text()


def test_help_lists_every_command() -> None:
    """`make help` shows each target that has a description, whatever is in its name."""
    described = set(re.findall(r"^(\S+):.*## ", TEXT, re.MULTILINE))
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip

    assert "e2e" in described
    assert set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE)) == described


def test_no_file_stands_in_for_a_command() -> None:
    """Each target that is no file is phony: a file of its name does not keep it from running."""
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
    targets = set(re.findall(r"^([a-z0-9-]+):", TEXT, re.MULTILINE))

    assert set(phony.replace("\\\n", " ").split()) == targets
