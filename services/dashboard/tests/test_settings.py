from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from queue_dashboard.settings import DashboardSettings, load

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in DashboardSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_the_loopback_no_secret_is_needed(host: str) -> None:
    """Without a session secret the dashboard starts on the loopback."""
    assert DashboardSettings(dashboard_host=host).on_loopback


@pytest.mark.parametrize("host", ["::", "0.0.0.0", "192.168.1.5", "queue.example.com"])
def test_off_the_loopback_a_secret_is_needed(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off the loopback the dashboard does not start without a session secret."""
    with pytest.raises(ValidationError, match="DASHBOARD_SESSION_SECRET"):
        DashboardSettings(dashboard_host=host)

    monkeypatch.setenv("DASHBOARD_SESSION_SECRET", SECRET)
    assert DashboardSettings(dashboard_host=host).allowed_hosts() == ("*",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DASHBOARD_PORT", "0"),
        ("DASHBOARD_API_URL", "localhost:8080"),
        ("DASHBOARD_PUBLIC_API_URL", "ftp://x"),
        ("DASHBOARD_ROOT_PATH", "ui"),
        ("DASHBOARD_ALLOWED_HOSTS", "http://x"),
        ("DASHBOARD_TRUSTED_HEADER", "X Y"),
    ],
)
def test_a_bad_value_ends_the_process(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad value ends the process with code 2 and a line that has the variable and its value."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit) as ended:
        load()

    assert ended.value.code == 2
    assert f"{variable}={value}: " in capsys.readouterr().err


def test_a_short_secret_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session secret that is too short is refused, and is not in the message."""
    monkeypatch.setenv("DASHBOARD_SESSION_SECRET", "hunter2")

    with pytest.raises(SystemExit):
        load()

    said = capsys.readouterr().err
    assert "DASHBOARD_SESSION_SECRET: " in said
    assert "hunter2" not in said


def test_a_trusted_header_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header for users without an API key for them is refused, and a key without a header too."""
    monkeypatch.setenv("DASHBOARD_TRUSTED_HEADER", "X-User")
    with pytest.raises(ValidationError, match="DASHBOARD_API_KEY"):
        DashboardSettings()

    monkeypatch.setenv("DASHBOARD_API_KEY", "qk_a_b")
    assert DashboardSettings().dashboard_trusted_header == "X-User"


def test_a_path_ends_without_a_slash() -> None:
    """A root path is taken with and without a slash at its end."""
    assert DashboardSettings(dashboard_root_path="/ui/").dashboard_root_path == "/ui"
