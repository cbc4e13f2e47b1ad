"""Prometheus' own judge of rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import ParamSpec

import pytest

P = ParamSpec("P")
SECONDS = 120
"""All cases take it some 4 s, on a machine with nothing else to do."""

_UNLESS_HERE = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="there is no promtool; Debian and Ubuntu have it in the package prometheus",
)


def needs_promtool(test: Callable[P, None]) -> Callable[P, None]:
    """Skip a test where there is no promtool, and give it promtool's time where there is."""
    decorated: Callable[P, None] = pytest.mark.timeout(SECONDS)(_UNLESS_HERE(test))
    return decorated


def promtool(*arguments: str) -> tuple[bool, str]:
    """Run it; return whether it is content, and all it says."""
    ended = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return ended.returncode == 0, ended.stdout + ended.stderr
