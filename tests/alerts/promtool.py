"""Prometheus' own judge of rules."""

from __future__ import annotations

import shutil
import subprocess

import pytest

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="there is no promtool; Debian and Ubuntu have it in the package prometheus",
)


def promtool(*arguments: str) -> tuple[bool, str]:
    """Run it; return whether it is content, and all it says."""
    ended = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=50, check=False
    )
    return ended.returncode == 0, ended.stdout + ended.stderr
