"""Settings of authentication."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, SecretStr, model_validator

from queue_common.settings import Settings

__all__ = ["AuthSettings"]

_ROOT_KEY = re.compile(r"[!-+\--~]{32,200}")
_RULE = (
    "should be 32 to 200 visible ASCII characters without a comma, such as `openssl rand -hex 32` "
    "writes; two keys, separated by a comma, while one takes the place of the other"
)
MAX_ROOT_KEYS = 2


def _parse(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(","))
    if len(keys) > MAX_ROOT_KEYS or not all(map(_ROOT_KEY.fullmatch, keys)):
        raise ValueError(_RULE)
    return keys


def _checked(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        _parse(value.get_secret_value())
    return value


def _checked_file(value: Path | None) -> Path | None:
    if value is None:
        return None
    try:
        text = value.read_text()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot be read: {error}"
        raise ValueError(msg) from None
    try:
        _parse(text.strip())
    except ValueError as error:
        msg = f"its content {error}"
        raise ValueError(msg) from None
    return value


class AuthSettings(Settings):
    """Settings of authentication."""

    api_auth: Literal["on", "off"] | None = None
    """``on``: each request needs a key; ``off``: every client may do everything. Unset: on with
    a root key; without one, off in development, and an error in production."""
    api_root_key: Annotated[SecretStr | None, AfterValidator(_checked)] = None
    """A key with all rights on all projects. Two, separated by a comma, are for its rotation."""
    api_root_key_file: Annotated[Path | None, AfterValidator(_checked_file)] = None
    """A file with the root key, instead of API_ROOT_KEY."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.api_root_key is not None and self.api_root_key_file is not None:
            msg = "API_ROOT_KEY_FILE: should not be set together with API_ROOT_KEY"
            raise ValueError(msg)
        return self

    def root_keys(self) -> tuple[str, ...]:
        """Return the root keys; empty if there are none."""
        if self.api_root_key is not None:
            return _parse(self.api_root_key.get_secret_value())
        if self.api_root_key_file is not None:
            return _parse(self.api_root_key_file.read_text().strip())
        return ()

    def checks_keys(self) -> bool:
        """Return whether requests need a key."""
        if self.api_auth is not None:
            return self.api_auth == "on"
        return self.api_root_key is not None or self.api_root_key_file is not None
