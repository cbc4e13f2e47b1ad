"""What holds for every request: the host's name, the path below a proxy, the headers of answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..context import Dashboard

__all__ = ["HEALTH", "Gate"]

HEALTH = "/health"
EVENTS = "/live/events"
_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]{0,5})?")
_ADDRESS = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_CSP = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """Wraps the application.

    Refuses foreign names in ``Host``: a page whose own name was made to lead here (DNS rebinding)
    would otherwise read and act as its reader. Takes the root path off if the proxy left it on.
    Answers HEAD as GET.
    """

    def __init__(self, app: ASGIApp, dashboard: Dashboard) -> None:
        self.dashboard = dashboard
        settings = dashboard.settings
        self._app = app
        self._root_path = settings.dashboard_root_path
        hosts = settings.allowed_hosts()
        self._any = "*" in hosts
        self._names = frozenset(host for host in hosts if not host.startswith("*"))
        self._suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        below = _below(scope, self._root_path)
        if below["path"] != HEALTH and not self._allows(Headers(scope=scope).get("host", "")):
            refused = "This host's name is not in DASHBOARD_ALLOWED_HOSTS.\n"
            await PlainTextResponse(refused, 421)(scope, receive, _with_headers(send))
            return
        await self._app(below, receive, _with_headers(send))

    def _allows(self, host: str) -> bool:
        if self._any:
            return True
        found = _NAME.fullmatch(host.strip().lower())
        if found is None:
            return False
        name = found[1]
        own = name == "localhost" or _ADDRESS.fullmatch(name) is not None
        return own or name in self._names or name.endswith(self._suffixes)


def _below(scope: Scope, root_path: str) -> Scope:
    path: str = scope["path"]
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        path = path.removeprefix(root_path) or "/"
    # Of an answer to HEAD the server sends no body. A stream has no end, so it has no HEAD.
    heads = scope["method"] == "HEAD" and path != EVENTS
    method = "GET" if heads else scope["method"]
    return {**scope, "method": method, "path": path, "raw_path": None, "root_path": ""}


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return with_headers
