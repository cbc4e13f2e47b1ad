from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from queue_api.settings import ApiSettings
from queue_dashboard.settings import DashboardSettings
from queue_standalone.settings import StandaloneSettings
from queue_worker.settings import WorkerSettings

EXAMPLE = Path(__file__).parents[3] / ".env.example"
SET_BY_KUBERNETES = {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
PROCESSES: list[type[BaseSettings]] = [
    ApiSettings,
    WorkerSettings,
    DashboardSettings,
    StandaloneSettings,
]


def example() -> dict[str, str]:
    lines = EXAMPLE.read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value for name, value in pairs}


def test_the_example_names_exactly_the_variables_that_are_read() -> None:
    """.env.example names each variable of each process, and none that nobody reads."""
    read = {name.upper() for kind in PROCESSES for name in kind.model_fields}

    assert set(example()) == read - SET_BY_KUBERNETES


@pytest.mark.parametrize("kind", PROCESSES, ids=lambda kind: kind.__name__)
def test_the_example_holds_the_defaults(
    kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of .env.example changes nothing."""
    for name in example():
        monkeypatch.delenv(name, raising=False)

    from_example = kind(_env_file=EXAMPLE)

    assert kind(_env_file=None) == from_example
