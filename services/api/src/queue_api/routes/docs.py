"""Swagger UI, a page to read about the API and to try it. All its files are served from here."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["router"]

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSET_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
_TYPES = {
    "favicon.png": "image/png",
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}

router = APIRouter(include_in_schema=False)


@router.head("/docs")
@router.get("/docs")
async def page() -> Response:
    """Return the page. All its links are relative, so it works under any prefix."""
    html = _own("docs.html").read_bytes()
    return Response(html, headers=PAGE_HEADERS, media_type="text/html")


@router.head("/docs/{name}")
@router.get("/docs/{name}")
async def asset(request: Request) -> Response:
    """Return a script, a style sheet or an image of the page."""
    name: str = request.path_params["name"]
    if name not in _TYPES:
        raise HTTPException(404)
    # The wheel of FastAPI Offline contains Swagger UI; its code is not used.
    file = _own("docs.js") if name == "start.js" else files("fastapi_offline") / "static" / name
    return Response(file.read_bytes(), headers=ASSET_HEADERS, media_type=_TYPES[name])


def _own(name: str) -> Traversable:
    return files(__package__) / name
