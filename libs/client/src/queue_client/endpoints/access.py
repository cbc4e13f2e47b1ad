"""Keys, projects, signing secrets, the audit: for the scope ``admin``."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType

from ..call import Pages, delete, get, post, put
from ..models import (
    AuditPage,
    Key,
    KeyPage,
    Limits,
    NewKey,
    NewSigningSecret,
    Project,
    ProjectList,
    SigningSecretList,
)

__all__ = ["AccessEndpoints"]

PROJECT = "/api/v1/projects/{project}"


class AccessEndpoints:
    """Who may do what."""

    @post("/api/v1/keys")
    def create_key(
        self, *, project: str, scopes: list[str], name: str,
        expires_at: datetime | UnsetType = UNSET, allowed_hosts: list[str] | UnsetType = UNSET,
    ) -> NewKey:  # fmt: skip
        """Make a key; its secret is in this answer alone."""

    @get("/api/v1/keys")
    def list_keys(self, *, cursor: str | None = None, limit: int | None = None) -> KeyPage:
        """Return a page of keys."""

    iter_keys = Pages(list_keys)

    @get("/api/v1/keys/{key_id}")
    def get_key(self, key_id: str) -> Key:
        """Return a key, without its secret."""

    @delete("/api/v1/keys/{key_id}")
    def delete_key(self, key_id: str) -> None:
        """Withdraw a key."""

    @get("/api/v1/projects")
    def list_projects(self) -> ProjectList:
        """Return all projects."""

    @get(PROJECT)
    def get_project(self, project: str) -> Project:
        """Return a project: weight, limits, use."""

    @put(PROJECT)
    def set_project(
        self, project: str, *, weight: int | UnsetType = UNSET, limits: Limits | UnsetType = UNSET
    ) -> Project:
        """Make a project, or replace its weight and limits: what is left out is removed."""

    @delete(PROJECT)
    def delete_project(self, project: str) -> None:
        """Delete a project."""

    @post(PROJECT + "/signing-secrets")
    def create_signing_secret(
        self, project: str, *, secret: str | UnsetType = UNSET
    ) -> NewSigningSecret:
        """Add a signing secret; it is in this answer alone."""

    @get(PROJECT + "/signing-secrets")
    def list_signing_secrets(self, project: str) -> SigningSecretList:
        """Return a project's signing secrets, without the secrets themselves."""

    @delete(PROJECT + "/signing-secrets/{secret_id}")
    def delete_signing_secret(self, project: str, secret_id: str) -> None:
        """Sign with this secret no more."""

    @get("/api/v1/audit")
    def list_audit(self, *, cursor: str | None = None, limit: int | None = None) -> AuditPage:
        """Return a page of the audit, the newest first."""

    iter_audit = Pages(list_audit)
