"""The worker's variables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from queue_common.settings import load
from queue_worker.settings import WorkerSettings


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable set, no .env file in sight."""
    for field in WorkerSettings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_the_original_services() -> None:
    """Without a variable the worker behaves as the service it replaces."""
    settings = load(WorkerSettings)

    assert settings.worker_concurrency == 10
    assert settings.worker_retry_interval == timedelta(seconds=10)
    assert settings.worker_request_timeout == timedelta(seconds=30)
    assert settings.worker_retry_deadline == timedelta(hours=24)
    assert settings.worker_drain_timeout == timedelta(seconds=35)
    assert settings.worker_max_in_flight == 1000
    assert settings.redis_addr == "localhost:6379"
    assert settings.env == "development"


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and durations are read in the original service's spelling."""
    monkeypatch.setenv("WORKER_CONCURRENCY", "64")
    monkeypatch.setenv("WORKER_REQUEST_TIMEOUT", "1m30s")
    monkeypatch.setenv("WORKER_DRAIN_TIMEOUT", "0s")

    settings = load(WorkerSettings)

    assert settings.worker_concurrency == 64
    assert settings.worker_request_timeout == timedelta(seconds=90)
    assert settings.worker_drain_timeout == timedelta(0)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("WORKER_CONCURRENCY", "0", "greater than or equal to 1"),
        ("WORKER_CONCURRENCY", "many", "integer"),
        ("WORKER_MAX_IN_FLIGHT", "0", "greater than or equal to 1"),
        ("WORKER_MAX_IN_FLIGHT_BYTES", "10KiB", "greater than or equal to 1048576"),
        ("WORKER_MAX_IN_FLIGHT_BYTES", "lots", "number of bytes"),
        ("WORKER_REQUEST_TIMEOUT", "30", "a duration such as 10s"),
        ("WORKER_REQUEST_TIMEOUT", "0s", "greater than 0s"),
        ("WORKER_DRAIN_TIMEOUT", "-1s", "greater than or equal to 0s"),
        ("WORKER_RETRY_INTERVAL", "soon", "a duration such as 10s"),
        ("WORKER_HOOKS", "no_such_module:hooks", "No module named"),
        ("WORKER_HOOKS", "math:pi", "package.module:object"),
        ("REDIS_ADDR", "localhost", "host:port"),
        ("ENV", "staging", "'development' or 'production'"),
    ],
)
def test_a_bad_value_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    allowed: str,
) -> None:
    """A bad value ends the process with the variable, the value and what is allowed."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit) as end:
        load(WorkerSettings)

    line = capsys.readouterr().err
    assert end.value.code == 2
    assert f"{variable}={value}: " in line
    assert allowed in line


def test_an_unknown_hook_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A key that is no hook would be ignored: it ends the process with the keys there are."""
    (tmp_path / "odd_hooks.py").write_text("hooks = {'before_proces': print}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("WORKER_HOOKS", "odd_hooks:hooks")

    with pytest.raises(SystemExit):
        load(WorkerSettings)

    line = capsys.readouterr().err
    assert "WORKER_HOOKS=odd_hooks:hooks: unknown options: before_proces;" in line
    assert "before_process" in line
