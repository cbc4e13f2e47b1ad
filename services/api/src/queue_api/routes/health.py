"""Health, readiness and version of the process."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response

from .. import openapi

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["health"])


def _json(document: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


@router.head("/health", include_in_schema=False)
@router.get("/health", openapi_extra=openapi.HEALTH)
async def health() -> Response:
    """Return 200 while the process is alive, even without Redis: a restart would not help."""
    return _json({"status": "ok"})


@router.head("/ready", include_in_schema=False)
@router.get("/ready", openapi_extra=openapi.READY)
async def ready(request: Request) -> Response:
    """Return 200 and Redis' durability if Redis replies; 503 with the reason otherwise."""
    context: AppContext = request.app.state.api
    await context.queue.ping()
    durability = await context.queue.durability()
    return _json(
        {
            "status": "ready",
            "durability": durability.mode,
            "eviction": durability.eviction,
            "replicas": durability.replicas,
            "warnings": durability.warnings,
        }
    )


@router.head("/version", include_in_schema=False)
@router.get("/version", openapi_extra=openapi.VERSION)
async def api_version() -> Response:
    """Return the version of this process."""
    return _json({"version": version("queue-api")})
