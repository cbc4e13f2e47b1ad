"""The package's README."""

from __future__ import annotations

import re
from pathlib import Path

from queue_worker.settings import WorkerSettings

README = Path(__file__).parents[1] / "README.md"


def test_the_settings_have_every_variable() -> None:
    """Each variable that the worker reads is told in the README's section of settings."""
    section = README.read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section))
    read = {name.upper() for name in WorkerSettings.model_fields}

    assert {name for name in read - told if not name.startswith("OTEL_")} == set()
