"""Refuses requests that a web page of another site makes a browser send.

A page can make its reader's browser send requests to any address that the browser can reach, such
as this machine or the reader's network. Two checks prevent it. A browser names the site from which
a request comes. And it sends the host name that the page uses: if that is not one of ours, it is
the page's own name, pointed at this address (DNS rebinding).
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..problems import ProblemError, problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["AllowedHosts", "OriginGuard", "check_source"]

CACHE_SIZE = 512

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]{0,5})?")
_ADDRESS = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""A page cannot read the responses of these methods, and they change nothing."""
_OWN_SITES = frozenset({b"same-origin", b"none"})
_NAMES = frozenset({b"host", b"origin", b"sec-fetch-site"})


class AllowedHosts:
    """The host names of this API. IP addresses and ``localhost`` are always among them.

    DNS rebinding cannot use those two, because a page's name is neither.
    """

    def __init__(self, patterns: Collection[str]) -> None:
        self.any = "*" in patterns
        self._names = frozenset(pattern for pattern in patterns if "*" not in pattern)
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*."))
        self.allows = lru_cache(CACHE_SIZE)(self._allows)

    def _allows(self, host: bytes) -> bool:
        """Return whether the value of a ``Host`` header is one of ours."""
        name = host_name(host)
        return self.any or (name is not None and (self.lists(name) or _needs_no_name(name)))

    def lists(self, name: str) -> bool:
        """Return whether API_ALLOWED_HOSTS lists this name; ``*`` does not count."""
        return name in self._names or name.endswith(self._suffixes)


def host_name(host: bytes) -> str | None:
    """Return the name or address in a ``Host`` header's value, None if it is malformed."""
    found = _HOST.fullmatch(host.decode("latin-1").strip().lower())
    return found[1].removesuffix(".") if found else None


def _needs_no_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost") or bool(_ADDRESS.fullmatch(name))


def check_source(
    method: str, headers: Iterable[tuple[bytes, bytes]], allowed: AllowedHosts
) -> None:
    """Raise ProblemError 421 for a ``Host`` that is not ours, 403 for what another site sends.

    The names in ``headers`` are in lower case.
    """
    given = [header for header in headers if header[0] in _NAMES]
    for name, value in given:
        if name == b"host" and not allowed.allows(value):
            raise _unknown_host(value)
    if method not in _READ_METHODS:
        _check_site(dict(given), allowed)


def _check_site(given: Mapping[bytes, bytes], allowed: AllowedHosts) -> None:
    # A client that sends neither of these two headers is not a browser.
    site = given.get(b"sec-fetch-site")
    if site is not None:
        if site not in _OWN_SITES:
            raise _cross_site(f"Sec-Fetch-Site is {site.decode('latin-1')!r}")
    elif b"origin" in given:
        # Sent by browsers before 2023, and over http from an address that is not this machine's.
        origin = given[b"origin"].decode("latin-1")
        if not _is_own(origin, host_name(given.get(b"host", b"")), allowed):
            raise _cross_site(f"Origin is {origin!r}, neither the Host nor in API_ALLOWED_HOSTS")


def _is_own(origin: str, host: str | None, allowed: AllowedHosts) -> bool:
    try:
        name = host_name(urlsplit(origin).netloc.encode("latin-1"))
    except ValueError:
        return False
    return name is not None and (name == host or allowed.lists(name))


def _unknown_host(host: bytes) -> ProblemError:
    return ProblemError(
        HTTPStatus.MISDIRECTED_REQUEST,
        "unknown-host",
        f"Host is {host.decode('latin-1')!r}; allowed are localhost, IP addresses and "
        "the names in API_ALLOWED_HOSTS",
    )


def _cross_site(found: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN, "cross-site", f"A web page of another site sent this request: {found}"
    )


class OriginGuard:
    """An ASGI application that makes both checks before another one."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or respond with the problem."""
        if scope["type"] == "http":
            try:
                check_source(scope["method"], scope["headers"], self._allowed)
            except ProblemError as error:
                await problem(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
