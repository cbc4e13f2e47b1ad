"""The declaration of a route's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request

from .principal import Principal, Scope, forbidden

if TYPE_CHECKING:
    from starlette.types import Scope as AsgiScope

__all__ = [
    "PRINCIPAL",
    "IsAdmin",
    "MayEnqueue",
    "MayListen",
    "MayManage",
    "MayPreview",
    "MayRead",
    "MayReadOne",
    "principal_of",
]

PRINCIPAL = "queue_api.principal"
"""The key of the principal in the ASGI scope, which ``AuthGuard`` sets."""


def principal_of(scope: AsgiScope) -> Principal:
    """Return the request's principal, which ``AuthGuard`` has found."""
    return cast("Principal", scope[PRINCIPAL])


def _require(scope: Scope, *, of_one_project: bool = False) -> Any:  # noqa: ANN401 - FastAPI's
    async def principal(request: Request) -> Principal:
        found = principal_of(request.scope)
        found.check(scope)
        if of_one_project:
            found.check_one_project()
        return found

    return Depends(principal)


async def _may_listen(request: Request) -> Principal:
    """Return a principal that may have the project's requests, secrets included, sent to itself."""
    found = principal_of(request.scope)
    found.check(Scope.MANAGE)
    found.check(Scope.ENQUEUE)
    found.check_one_project()
    if found.allowed_hosts is not None:
        raise forbidden("The key has allowed_hosts: a listener is another destination.")
    return found


async def _may_preview(request: Request) -> Principal:
    """Return a principal that may look at policies: those who send tasks, or look at them."""
    found = principal_of(request.scope)
    found.check_any(Scope.READ, Scope.ENQUEUE)
    return found


# The types of a route's parameter ``principal``: the route gets it, or the client 403. FastAPI
# reads a body that a route declares before it looks at them: a route with a body takes ``Request``
# and reads it itself.
MayEnqueue = Annotated[Principal, _require(Scope.ENQUEUE)]
MayRead = Annotated[Principal, _require(Scope.READ)]
MayReadOne = Annotated[Principal, _require(Scope.READ, of_one_project=True)]
"""For what is of one project: ``X-Project: *`` is a 422."""
MayManage = Annotated[Principal, _require(Scope.MANAGE)]
MayPreview = Annotated[Principal, Depends(_may_preview)]
MayListen = Annotated[Principal, Depends(_may_listen)]
IsAdmin = Annotated[Principal, _require(Scope.ADMIN)]
