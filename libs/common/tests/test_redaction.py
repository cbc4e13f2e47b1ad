"""Which headers are shown without their values."""

from __future__ import annotations

import pytest

from queue_common.redaction import is_secret_header

SECRET = [
    "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "ApiKey",
    "api_key", "X-Auth-Token", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "DD-API-KEY",
    "My-Key", "X-Sid", "sid", "X-Session-Id", "PHPSESSID", "X-Sess-Id", "X-Hub-Signature-256",
    "X-Password", "X-Jwt",
]  # fmt: skip
PLAIN = [
    "Content-Type", "Idempotency-Key", "X-Request-Id", "Keep-Alive", "X-Inside", "Key-Count",
    "X-Resid", "Webhook-Id",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_names_of_secrets_are_known(name: str) -> None:
    """A header that holds a key, a token or a session by its name is secret."""
    assert is_secret_header(name)


@pytest.mark.parametrize("name", PLAIN)
def test_other_names_are_shown(name: str) -> None:
    """Headers that only look alike are shown, and so is an idempotency key."""
    assert not is_secret_header(name)
