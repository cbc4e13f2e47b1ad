"""The signing secrets of all projects, as an environment variable."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from ..settings import Settings
from .signature import Secret, parse_secret

__all__ = ["SigningSettings"]


def _parse(text: str) -> tuple[Secret, ...]:
    return tuple(parse_secret(secret.strip()) for secret in text.split(","))


def _checked(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        _parse(value.get_secret_value())
    return value


class SigningSettings(Settings):
    """What requests are signed with if their project has no secret of its own."""

    signing_secrets: Annotated[SecretStr | None, AfterValidator(_checked)] = None
    """``whsec_…``, separated by commas: each signs while receivers change from one to the next."""

    def default_signing_secrets(self) -> tuple[Secret, ...]:
        """Return the secrets; none if there are none."""
        return _parse(self.signing_secrets.get_secret_value()) if self.signing_secrets else ()
