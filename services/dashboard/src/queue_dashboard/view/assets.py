"""Static files under names that hold their content's hash, so that browsers can keep them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from starlette.requests import Request

__all__ = ["Assets"]

IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class _Asset(NamedTuple):
    media_type: str
    content: bytes
    zipped: bytes


class Assets:
    """All static files, read and compressed once at start."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._assets: dict[str, _Asset] = {}
        for name, content in _files(resources.files("queue_dashboard") / "static"):
            stem, dot, suffix = name.rpartition(".")
            hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}{dot}{suffix}"
            self._names[name] = hashed
            media_type = TYPES.get(dot + suffix) or mimetypes.guess_type(name)[0] or "text/plain"
            self._assets[hashed] = _Asset(media_type, content, gzip.compress(content, 9))

    def name(self, name: str) -> str:
        """Return the hashed name of a file, such as ``app.0f5e2c….css`` of ``app.css``."""
        return self._names[name]

    def response(self, request: Request, hashed: str) -> Response:
        """Serve a file; 404 under any name but its hashed one."""
        asset = self._assets.get(hashed)
        if asset is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(asset.content, headers=headers, media_type=asset.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(asset.zipped, headers=headers, media_type=asset.media_type)


def _files(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in directory.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry.read_bytes()
