"""From variables to a transport: what can be set, and what is refused at start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from queue_common.settings import RedisSettings, load
from queue_worker.transport import DeliverySettings, HttpClient, build_http_client
from queue_worker.transport.build import build_guard

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REDIS = RedisSettings(redis_addr="127.0.0.1:6379", redis_url=None)

Settle = Callable[..., DeliverySettings]


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settle:
    """Reads the settings from these variables alone."""
    monkeypatch.chdir(tmp_path)
    for field in DeliverySettings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
        monkeypatch.delenv(field, raising=False)

    def set_them(**variables: str) -> DeliverySettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load(DeliverySettings)

    return set_them


def test_defaults(set_variables: Settle) -> None:
    """Without variables nothing beyond the public internet is allowed, in development too."""
    guard = build_guard(set_variables(ENV="development", EGRESS_ALLOW=""), REDIS)

    assert guard.denial_reason("x", "1.1.1.1") is None
    assert guard.denial_reason("x", "127.0.0.1") is not None
    assert guard.denial_reason("x", "10.0.0.1") is not None


def test_what_is_allowed(set_variables: Settle) -> None:
    """Nothing internal is allowed that EGRESS_ALLOW does not list."""
    guard = build_guard(set_variables(EGRESS_ALLOW="10.0.0.0/8"), REDIS)

    assert guard.denial_reason("x", "10.0.0.1") is None
    assert guard.denial_reason("x", "127.0.0.1") is not None


def test_own_ground(set_variables: Settle) -> None:
    """Redis and the cluster's API server are protected at their ports."""
    settings = set_variables(KUBERNETES_SERVICE_HOST="10.96.0.1", KUBERNETES_SERVICE_PORT="6443")
    redis = RedisSettings(redis_url="rediss://:secret@cache.example/0")

    assert build_guard(settings, redis).protected == {
        6379: ("cache.example",),
        6443: ("10.96.0.1",),
    }


def test_own_ground_with_sentinels(set_variables: Settle) -> None:
    """Sentinels are protected, and each server they name, from the moment they name it."""
    redis = RedisSettings.model_validate({"redis_sentinels": "s.example:26379,[fd00::1]:26379"})
    named: set[tuple[str, int]] = set()
    guard = build_guard(set_variables(), redis, named)
    before = guard.protected_hosts(6379)
    named.add(("10.0.0.7", 6379))

    assert guard.protected_hosts(26379) == ("s.example", "fd00::1")
    assert (before, guard.protected_hosts(6379)) == ((), ("10.0.0.7",))


@pytest.fixture
def refusal(set_variables: Settle, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Reads settings that are refused, and returns what the process says as it ends."""

    def refuse(**variables: str) -> str:
        with pytest.raises(SystemExit) as ended:
            set_variables(**variables)
        return f"{ended.value}\n{capfd.readouterr().err}"

    return refuse


MISTAKES = {
    "EGRESS_ALLOW": ("10.0.0.0/33", "EGRESS_ALLOW=10.0.0.0/33: '10.0.0.0/33' is no address"),
    "EGRESS_DENY": ("a..b", "EGRESS_DENY=a..b: 'a..b' is neither a CIDR nor a host suffix"),
    "WORKER_CA_FILE": ("/nowhere.pem", "WORKER_CA_FILE: no file at /nowhere.pem"),
    "EGRESS_TRUST_PROXY": ("perhaps", "EGRESS_TRUST_PROXY=perhaps: input should be a valid bool"),
}


@pytest.mark.parametrize(("name", "mistake"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_ends_the_process(
    refusal: Callable[..., str], name: str, mistake: tuple[str, str]
) -> None:
    """An error ends the process at start, and the message says what is allowed."""
    assert mistake[1] in refusal(**{name: mistake[0]})


def test_a_ca_file_without_certificate(refusal: Callable[..., str], tmp_path: Path) -> None:
    """A file that holds no certificate ends the process at start."""
    (tmp_path / "ca.pem").write_text("nothing")

    said = refusal(WORKER_CA_FILE=str(tmp_path / "ca.pem"))

    assert "WORKER_CA_FILE: no certificate in" in said


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_nobody_vouches_for(refusal: Callable[..., str], name: str) -> None:
    """Behind a proxy the guard sees no address: the process does not start by accident."""
    said = refusal(**{name: "http://proxy.example:3128"})

    assert f"{name.upper()}: the egress guard cannot see" in said


@pytest.mark.parametrize("url", ["socks5://user:secret@proxy:1080", "http://user:secret@:1", "x"])
def test_a_proxy_of_another_kind(refusal: Callable[..., str], url: str) -> None:
    """SOCKS is not spoken: told at start, without the URL, which may hold a password."""
    said = refusal(HTTP_PROXY=url)

    assert "HTTP_PROXY: should be http" in said
    assert "secret" not in said


def test_without_proxies(set_variables: Settle) -> None:
    """Without a proxy in the variables there is none in the transport."""
    assert isinstance(build_http_client(set_variables(), REDIS, max_open=1), HttpClient)
