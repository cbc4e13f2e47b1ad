"""Who makes a request, and what that allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from ..problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .hosts import HostList

__all__ = ["ALL_SCOPES", "Principal", "Scope", "forbidden", "with_implied"]


class Scope(StrEnum):
    """What a key allows."""

    ENQUEUE = "enqueue"
    """Send tasks."""
    READ = "read"
    """See the project's tasks, lanes and stats."""
    MANAGE = "manage"
    """Change the project's tasks and lanes; includes ``read``."""
    ADMIN = "admin"
    """Keys, projects, signing secrets and the audit, of every project; includes all others."""


ALL_SCOPES = frozenset(Scope)


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes and those they include."""
    given = frozenset(scopes)
    if Scope.ADMIN in given:
        return ALL_SCOPES
    return given | {Scope.READ} if Scope.MANAGE in given else given


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, and for which project."""

    project: str
    """The project that the request is for: the key's, or what an admin names by ``X-Project``."""
    scopes: frozenset[Scope]
    """With those that they include."""
    key_id: str | None = None
    """None if the API checks no keys; ``root`` for API_ROOT_KEY."""
    name: str | None = None
    """What its maker called the key."""
    auth: Literal["key", "root", "off"] = "off"
    """What the request was let in by."""
    allowed_hosts: HostList | None = None
    """The hosts that its tasks may go to; None: each."""
    all_projects: bool = False
    """An admin asked for all projects (``X-Project: *``); ``project`` is then ``default``."""

    def check(self, scope: Scope) -> None:
        """Raise ProblemError 403 without this scope."""
        if scope not in self.scopes:
            raise forbidden(f"The key lacks the scope {scope}.")

    def check_host(self, host: str) -> None:
        """Raise ProblemError 403 if the key may not send to this host."""
        if self.allowed_hosts is not None and not self.allowed_hosts.allows(host):
            raise forbidden(f"The key's allowed_hosts do not list {host}.")


def forbidden(detail: str) -> ProblemError:
    """Return the 403 that says what is missing."""
    return ProblemError(HTTPStatus.FORBIDDEN, "forbidden", detail)
