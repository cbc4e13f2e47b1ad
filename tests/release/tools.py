"""The repository's places, and programs that are on PATH or built by make."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["CHART", "NO_CLUSTER", "ROOT", "found"]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/queue-system"
NO_CLUSTER = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"}


def found(name: str) -> Path | None:
    """Return a program on PATH, or one that make has built; None if there is none."""
    on_path = shutil.which(name) or shutil.which(name, path=str(ROOT / ".tools/chart"))
    return Path(on_path) if on_path else None
