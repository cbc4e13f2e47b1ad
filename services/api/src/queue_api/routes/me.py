"""The route about the caller."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response

from .. import openapi
from ..auth import Scope, principal_of
from ..auth.schemas import Me

__all__ = ["router"]

router = APIRouter(tags=["keys"])


@router.head("/api/v1/me", include_in_schema=False)
@router.get("/api/v1/me", openapi_extra=openapi.ME)
async def me(request: Request) -> Response:
    """Return the request's key and rights. Every key may call this."""
    principal = principal_of(request.scope)
    scopes = [scope for scope in Scope if scope in principal.scopes]
    found = Me(principal.key_id, principal.name, principal.project, scopes, principal.auth)
    return Response(msgspec.json.encode(found), media_type="application/json")
