"""Who may do what: keys, projects, signing secrets, the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

__all__ = [
    "AuditEntry",
    "AuditPage",
    "Key",
    "KeyPage",
    "Limits",
    "Me",
    "NewKey",
    "NewSigningSecret",
    "Project",
    "ProjectList",
    "SigningSecret",
    "SigningSecretList",
    "Use",
]


class Me(msgspec.Struct, frozen=True):
    """Who the caller is to the API."""

    project: str = "default"
    scopes: list[str] = []
    key_id: str | None = None
    name: str | None = None
    auth: str = "key"
    """key, root or off."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: str
    name: str | None = None
    project: str
    scopes: list[str]
    allowed_hosts: list[str] | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""


class NewKey(Key, frozen=True, kw_only=True):
    """A key just made; ``key`` is shown this once."""

    key: str


class KeyPage(msgspec.Struct, frozen=True):
    """A page of keys."""

    keys: list[Key]
    cursor: str | None = None

    @property
    def items(self) -> list[Key]:
        """The keys of this page."""
        return self.keys


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a project may use; None: no limit."""

    rate: float | None = None
    """Tasks a second."""
    burst: int | None = None
    waiting: int | None = None
    stored_bytes: int | None = None
    in_flight: int | None = None
    lanes: int | None = None


class Use(msgspec.Struct, frozen=True):
    """What a project uses now."""

    waiting: int = 0
    stored_bytes: int | None = 0
    """None: not counted, without a limit of it."""
    in_flight: int = 0
    lanes: int = 0


class Project(msgspec.Struct, frozen=True):
    """A tenant: its share, its limits, its use."""

    project: str
    weight: int = 1
    limits: Limits = Limits()
    use: Use = Use()


class ProjectList(msgspec.Struct, frozen=True):
    """All projects."""

    projects: list[Project]


class SigningSecret(msgspec.Struct, frozen=True):
    """A secret that signs a project's requests; the secret itself is not shown."""

    id: str
    created_at: datetime | None = None
    readable: bool = True
    """False: the installation lacks its encryption key, and the project's requests fail."""


class NewSigningSecret(SigningSecret, frozen=True, kw_only=True):
    """A signing secret just made; ``secret`` is shown this once."""

    secret: str


class SigningSecretList(msgspec.Struct, frozen=True):
    """A project's signing secrets."""

    signing_secrets: list[SigningSecret]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when."""

    id: str
    at: datetime
    action: str
    key_id: str | None = None
    key_name: str | None = None
    project: str | None = None
    target: str | None = None
    details: Any = None


class AuditPage(msgspec.Struct, frozen=True):
    """A page of the audit, the newest first."""

    entries: list[AuditEntry]
    cursor: str | None = None

    @property
    def items(self) -> list[AuditEntry]:
        """The entries of this page."""
        return self.entries
