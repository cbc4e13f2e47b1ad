"""The sender of a request and its rights."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from ..problems import FieldError, ProblemError
from .hosts import hosts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queue_common.task import Task

    from .hosts import HostList

__all__ = ["ALL_SCOPES", "Principal", "Scope", "forbidden", "one_project", "with_implied"]


class Scope(StrEnum):
    """A right of a key."""

    ENQUEUE = "enqueue"
    """Send tasks."""
    READ = "read"
    """Read the project's tasks, lanes and stats."""
    MANAGE = "manage"
    """Change the project's tasks and lanes; includes ``read``."""
    ADMIN = "admin"
    """Keys, projects, signing secrets and the audit, of every project; includes all others."""


ALL_SCOPES = frozenset(Scope)


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes and all that they include."""
    given = frozenset(scopes)
    if Scope.ADMIN in given:
        return ALL_SCOPES
    return given | {Scope.READ} if Scope.MANAGE in given else given


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request, and its project."""

    project: str
    """The project of the request: the key's, or an admin's ``X-Project``."""
    scopes: frozenset[Scope]
    """The scopes, with all that they include."""
    key_id: str | None = None
    """None if the API checks no keys; ``root`` for API_ROOT_KEY."""
    name: str | None = None
    """The name of the key."""
    auth: Literal["key", "root", "off"] = "off"
    """The kind of authentication."""
    allowed_hosts: HostList | None = None
    """The allowed hosts of its tasks; None: all."""
    all_projects: bool = False
    """The admin requests all projects (``X-Project: *``); ``project`` is then ``default``."""

    def check(self, scope: Scope) -> None:
        """Raise ProblemError 403 without this scope."""
        if scope not in self.scopes:
            raise forbidden(f"The key lacks the scope {scope}.")

    def check_any(self, *scopes: Scope) -> None:
        """Raise ProblemError 403 without one of these scopes."""
        if self.scopes.isdisjoint(scopes):
            raise forbidden(f"The key has none of the scopes {', '.join(scopes)}.")

    def check_host(self, host: str) -> None:
        """Raise ProblemError 403 if the key may not send to this host."""
        if self.allowed_hosts is not None and not self.allowed_hosts.allows(host):
            raise forbidden(f"The key's allowed_hosts do not list {host}.")

    def check_one_project(self) -> None:
        """Raise ProblemError 422 for ``X-Project: *``: what follows is of one project."""
        if self.all_projects:
            raise one_project()

    def check_hosts(self, task: Task | None) -> None:
        """Raise ProblemError 403 if the key may not send an existing task; None: unreadable."""
        if self.allowed_hosts is None:
            return
        if task is None:
            raise forbidden("The key has allowed_hosts, and the task's host cannot be read.")
        for host in hosts_of(task):
            self.check_host(host)


def one_project() -> ProblemError:
    """Return the 422 of what needs one project."""
    errors = [FieldError("X-Project", "should name one project; * is for some lists alone")]
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-project", "X-Project is *.", errors=errors
    )


def forbidden(detail: str) -> ProblemError:
    """Return the 403 that names the missing right."""
    return ProblemError(HTTPStatus.FORBIDDEN, "forbidden", detail)
