"""Checks the keys of all requests except on the fast path, before a body is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..problems import ProblemError, problem
from .authenticator import UnknownKeyError
from .principal import one_project
from .require import PRINCIPAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from .authenticator import Authenticator
    from .principal import Principal

__all__ = ["OPEN_PATHS", "AuthGuard"]

OPEN_PATHS = frozenset({"/health", "/ready", "/version", "/openapi.json", "/docs"})
"""Paths without data, which need no key, because probes and readers of the docs have none."""
_OPEN_FOLDER = "/docs/"
_READ_METHODS = frozenset({"GET", "HEAD"})


class LooksAgain(Protocol):
    """Reads the keys, as ``KeyStore`` does."""

    async def look_again(self) -> bool:
        """Read changed keys; return whether that was possible."""
        ...


class AuthGuard:
    """An ASGI application that finds the principal of each request before another one."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, keys: LooksAgain) -> None:
        self._app = app
        self._authenticator = authenticator
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its principal, or respond with the problem."""
        if scope["type"] == "http" and not _is_open(scope["path"]):
            try:
                principal = await self._authenticate(scope["headers"])
                if principal.all_projects and scope["method"] not in _READ_METHODS:
                    raise one_project()
            except ProblemError as error:
                await problem(error)(scope, receive, send)
                return
            scope[PRINCIPAL] = principal
        await self._app(scope, receive, send)

    async def _authenticate(self, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
        try:
            return self._authenticator.authenticate_headers(headers)
        except UnknownKeyError:
            if not await self._keys.look_again():
                raise
            return self._authenticator.authenticate_headers(headers)


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(_OPEN_FOLDER)
