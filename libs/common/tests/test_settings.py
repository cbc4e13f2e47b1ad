"""Settings: frozen values from variables; an error ends the process with the variable's name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from queue_common.retry import RetryPolicy
from queue_common.settings import (
    LogSettings,
    QueueSettings,
    RedisSettings,
    RetrySettings,
    Settings,
    load,
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no .env file of the machine's own."""
    for kind in (LogSettings, QueueSettings, RedisSettings, RetrySettings):
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def _refused(kind: type[Settings], capsys: pytest.CaptureFixture[str], code: int = 2) -> list[str]:
    """Load settings that are wrong; return the lines that say so."""
    with pytest.raises(SystemExit) as ended:
        load(kind)
    assert ended.value.code == code
    return capsys.readouterr().err.splitlines()


def test_defaults_are_the_original_services() -> None:
    """Without any variable a process runs as the service it replaces."""
    retry, queue = load(RetrySettings), load(QueueSettings)

    assert load(RedisSettings).url() == "redis://localhost:6379/0"
    assert load(LogSettings).env == "development"
    assert retry.retry_policy() == RetryPolicy(interval_ms=10_000, deadline_ms=24 * 3600 * 1000)
    assert (queue.queue_name, queue.lane_concurrency, queue.durability) == ("tasks", 0, "local")
    assert (queue.result_ttl, queue.result_max) == (timedelta(minutes=10), 100_000)
    assert (queue.dead_ttl, queue.dead_max) == (timedelta(days=30), 100_000)
    assert (queue.result_max_bytes, queue.dead_max_bytes) == (None, None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10s", timedelta(seconds=10)),
        ("1m30s", timedelta(seconds=90)),
        ("24h", timedelta(days=1)),
        ("250ms", timedelta(milliseconds=250)),
        ("1.5h", timedelta(minutes=90)),
        (" 5s ", timedelta(seconds=5)),
    ],
)
def test_durations_are_spelled_as_in_go(
    text: str, meant: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durations are read in the original service's spelling."""
    monkeypatch.setenv("WORKER_RETRY_INTERVAL", text)

    assert load(RetrySettings).worker_retry_interval == meant


@pytest.mark.parametrize("text", ["10", "ten", "10 parsecs", "s", "10s later"])
def test_what_is_no_duration_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistaken duration ends the process with the variable, its value and what is allowed."""
    monkeypatch.setenv("WORKER_RETRY_INTERVAL", text)

    (line,) = _refused(RetrySettings, capsys)

    assert line.startswith(f"WORKER_RETRY_INTERVAL={text}: should be a duration such as 10s")


@pytest.mark.parametrize(
    ("kind", "name", "text", "reason"),
    [
        (LogSettings, "ENV", "staging", "'development' or 'production'"),
        (LogSettings, "LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        (RedisSettings, "REDIS_ADDR", "localhost", "host:port"),
        (RedisSettings, "REDIS_ADDR", "localhost:0", "host:port"),
        (RedisSettings, "REDIS_ADDR", "localhost:65536", "host:port"),
        (RedisSettings, "REDIS_ADDR", ":6379", "host:port"),
        (RedisSettings, "REDIS_ADDR", "user@host:6379", "host:port"),
        (RedisSettings, "REDIS_ADDR", "host:6379:6379", "host:port"),
        (RedisSettings, "REDIS_ADDR", "[host:6379]:6379", "host:port"),
        (RedisSettings, "REDIS_ADDR", "fd00::1:6379", "host:port"),
        (RedisSettings, "REDIS_SENTINELS", "a:1,b:2:2", "host:port"),
        (RedisSettings, "REDIS_DATABASE", "-1", "greater than or equal"),
        (RedisSettings, "REDIS_SENTINELS", "a:1,b", "host:port"),
        (RedisSettings, "REDIS_MASTER_NAME", "my master", "pattern"),
        (RedisSettings, "REDIS_TLS", "perhaps", "valid boolean"),
        (RetrySettings, "WORKER_RETRY_INTERVAL", "0s", "greater than"),
        (RetrySettings, "WORKER_RETRY_DEADLINE", "-1s", "greater than"),
        (QueueSettings, "QUEUE_NAME", "a b", "pattern"),
        (QueueSettings, "QUEUE_NAME", "{tasks}", "pattern"),
        (QueueSettings, "QUEUE_NAME", "x" * 65, "pattern"),
        (QueueSettings, "RESULT_TTL", "-1s", "greater than or equal"),
        (QueueSettings, "RESULT_MAX", "-1", "greater than or equal"),
        (QueueSettings, "RESULT_MAX", "many", "valid integer"),
        (QueueSettings, "RESULT_FULL_TTL", "48h", "should be at most 24h"),
        (QueueSettings, "DEAD_TTL", "0s", "greater than"),
        (QueueSettings, "DEAD_MAX", "0", "greater than or equal"),
        (QueueSettings, "DEAD_MAX_BYTES", "0", "greater than or equal"),
        (QueueSettings, "RESULT_MAX_BYTES", "much", "byte"),
        (QueueSettings, "RESULT_MAX_BYTES", "1.2.3", "number of bytes"),
        (QueueSettings, "RESULT_MAX_BYTES", "64MiB 1", "number of bytes"),
        (QueueSettings, "LANE_CONCURRENCY", "-1", "greater than or equal"),
        (QueueSettings, "DURABILITY", "eventual", "'local' or 'replicated'"),
    ],
)
def test_bad_value_is_named(
    kind: type[Settings], name: str, text: str, reason: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A mistaken value ends the process with the variable, the value and what is allowed."""
    monkeypatch.setenv(name, text)

    (line,) = _refused(kind, capsys)

    assert line.startswith(f"{name}={text}: ")
    assert reason in line


def test_every_mistake_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two errors make two lines, so one start of the process shows both."""
    monkeypatch.setenv("DEAD_MAX", "none")
    monkeypatch.setenv("RESULT_TTL", "soon")

    lines = _refused(QueueSettings, capsys)

    assert sorted(line.split("=")[0] for line in lines) == ["DEAD_MAX", "RESULT_TTL"]


@pytest.mark.parametrize(
    "url",
    [
        "http://:hunter2@host:1",
        "redis://:hunter2@",
        "redis://:hunter2@host:port",
        "redis://:hunter2@[host:1]:1",
        "hunter2",
    ],
)
def test_secrets_are_not_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistaken REDIS_URL is refused without the password in it."""
    monkeypatch.setenv("REDIS_URL", url)

    (line,) = _refused(RedisSettings, capsys)

    assert line.startswith("REDIS_URL: should be redis://")
    assert "hunter2" not in line


def test_secrets_are_not_in_a_settings_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that find their way into a log line do not take the password with them."""
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@host:6379/2")
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2")
    settings = load(RedisSettings)

    assert "hunter2" not in repr(settings)
    assert settings.url() == "redis://:hunter2@host:6379/2"


def test_url_goes_before_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """REDIS_URL wins over all variables that say a part of it."""
    monkeypatch.setenv("REDIS_ADDR", "ignored:1")
    monkeypatch.setenv("REDIS_PASSWORD", "ignored")
    monkeypatch.setenv("REDIS_DATABASE", "7")
    monkeypatch.setenv("REDIS_URL", "rediss://host:2")

    assert load(RedisSettings).url() == "rediss://host:2"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"REDIS_PASSWORD": "p"}, "redis://:p@host:1/0"),
        ({"REDIS_USERNAME": "u", "REDIS_PASSWORD": "p"}, "redis://u:p@host:1/0"),
        ({"REDIS_USERNAME": "u"}, "redis://u:@host:1/0"),
        ({"REDIS_DATABASE": "3", "REDIS_TLS": "true"}, "rediss://host:1/3"),
        ({"REDIS_PASSWORD": "a/b@c:d%e#?"}, "redis://:a%2Fb%40c%3Ad%25e%23%3F@host:1/0"),
    ],
)
def test_url_is_made_of_its_parts(
    variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, user, password, database and TLS are told apart; any character may be in them."""
    for name, value in {"REDIS_ADDR": "host:1", **variables}.items():
        monkeypatch.setenv(name, value)

    assert load(RedisSettings).url() == url


def test_sentinels_take_the_place_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """REDIS_SENTINELS is a list with commas; without it there is one address."""
    alone = load(RedisSettings).addresses()
    monkeypatch.setenv("REDIS_SENTINELS", "a:26379, [fd00::1]:26380")

    assert alone == [("localhost", 6379)]
    assert load(RedisSettings).addresses() == [("a", 26379), ("fd00::1", 26380)]


def test_sentinels_and_a_url_are_refused_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two ways to name the server end the process, and the line says which one to use."""
    monkeypatch.setenv("REDIS_SENTINELS", "a:26379")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@host:1")

    (line,) = _refused(RedisSettings, capsys)

    assert line.startswith("REDIS_URL: should not be set with REDIS_SENTINELS")
    assert "hunter2" not in line


def test_missing_ca_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CA file that is not there is found at the start, not at the first connection."""
    monkeypatch.setenv("REDIS_CA_FILE", "missing.pem")

    (line,) = _refused(RedisSettings, capsys)

    assert line.startswith("REDIS_CA_FILE")
    assert "missing.pem" in line


def test_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """``RESULT_TTL=`` in a compose file means the default."""
    monkeypatch.setenv("RESULT_TTL", "")

    assert load(QueueSettings).result_ttl == timedelta(minutes=10)


def test_env_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .env file in the working directory sets what the environment does not; others' are fine."""
    (tmp_path / ".env").write_text("RESULT_MAX=5\nDEAD_MAX=6\nSOMETHING_ELSE=7\n")
    monkeypatch.setenv("DEAD_MAX", "8")
    settings = load(QueueSettings)

    assert (settings.result_max, settings.dead_max) == (5, 8)


def test_settings_cannot_be_changed() -> None:
    """Settings are read once and passed on as they are."""
    with pytest.raises(ValidationError, match="frozen"):
        load(QueueSettings).queue_name = "other"  # type: ignore[misc]
