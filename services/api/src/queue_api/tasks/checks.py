"""Checks of a task's fields beyond their types.

A check returns the normalized value, or raises ValueError with a reason that continues a sentence
after the field's name.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import idna

from queue_common.signing import HEADERS as SIGNATURE_HEADERS

from .schemas import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from queue_common.egress import EgressGuard

__all__ = ["check_base64", "check_method", "check_url", "destination_check", "header_errors"]

MAX_HEADERS_BYTES = 32 * 1024
"""Common servers refuse more: nginx accepts 32 KiB, Go 1 MiB, Node 16 KiB."""

ORIGIN_CACHE_SIZE = 4096
NAME_CACHE_SIZE = 4096
MAX_CACHED_NAME_CHARACTERS = 64
"""Characters."""
_REFUSED = r"\x00-\x20\x7f-\x9f\\\u00a0\u2028\u2029\ud800-\udfff"
_REFUSED_IN_URL = re.compile(f"[{_REFUSED}]")
_PLAIN = re.compile(
    rf"(https?://[a-z0-9.\-]+(?::[0-9]+)?)(?:/[^?#{_REFUSED}]*(?:\?[^#{_REFUSED}]+)?)?"
)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_HOST_CHARACTERS = 253
_IPV4_LIKE = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REFUSED_HEADERS = {
    "host": "the worker sets it from the URL",
    "content-length": "the worker sets it from the body",
    "connection": "it is hop-by-hop, and the connection is the worker's",
    "keep-alive": "it is hop-by-hop, and the connection is the worker's",
    "proxy-authenticate": "it is hop-by-hop",
    "proxy-authorization": "it is hop-by-hop",
    "proxy-connection": "it is hop-by-hop",
    "te": "it is hop-by-hop",
    "trailer": "it is hop-by-hop",
    "transfer-encoding": "it is hop-by-hop: the worker frames the body",
    "upgrade": "it is hop-by-hop",
    "expect": "the worker does not wait for 100 Continue",
    **dict.fromkeys(SIGNATURE_HEADERS, "the worker signs with it"),
}


def check_url(url: str) -> str:
    """Return the URL to request: with an ASCII host (IDNA 2008), without fragment."""
    plain = _PLAIN.fullmatch(url)
    if plain is None:
        return _check_any_url(url)
    # Nothing after a plain origin can be invalid, and the same origins are used again and again.
    return _check_origin(plain[1]) + url[plain.end(1) :]


@lru_cache(maxsize=ORIGIN_CACHE_SIZE)
def _check_origin(origin: str) -> str:
    return _check_any_url(origin)


def _check_any_url(url: str) -> str:
    if _REFUSED_IN_URL.search(url):
        msg = "has whitespace, a control character or a backslash; percent-encode it"
        raise ValueError(msg)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        msg = f"is not a URL: {error}"
        raise ValueError(msg) from error
    if parts.scheme not in {"http", "https"}:
        msg = "should be absolute and begin with http:// or https://"
        raise ValueError(msg)
    if "@" in parts.netloc:
        msg = "has credentials; send them in an Authorization header"
        raise ValueError(msg)
    if port == 0:
        msg = "has port 0; it should be 1 to 65535"
        raise ValueError(msg)
    return _with_host(parts, _check_host(parts))


def _check_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        msg = "has no host"
        raise ValueError(msg)
    if parts.netloc.startswith("["):
        return f"[{_check_ipv6(host)}]"
    name = host if host.isascii() else _to_ascii(host)
    labels = name.removesuffix(".").split(".")
    if len(name) > _MAX_HOST_CHARACTERS or not all(_HOST.fullmatch(label) for label in labels):
        msg = f"has a host that is no name or address: {host!r}"
        raise ValueError(msg)
    _check_lookalike(name, labels)
    return name


def _check_lookalike(name: str, labels: list[str]) -> None:
    """Refuse a host that looks like an address or an international name but is neither."""
    if _IPV4_LIKE.fullmatch(name):
        try:
            ipaddress.IPv4Address(name)
        except ValueError as error:
            msg = f"has a host that is no IPv4 address: {error}"
            raise ValueError(msg) from error
    if any(label.startswith("xn--") for label in labels):
        try:
            idna.decode(name)
        except (idna.IDNAError, UnicodeError) as error:
            msg = f"has a host that is no valid international name: {error}"
            raise ValueError(msg) from error


def _check_ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as error:
        msg = f"has no valid IPv6 address in its brackets: {error}"
        raise ValueError(msg) from error
    if address.scope_id is not None:
        msg = "has an IPv6 zone, which is only valid on one machine"
        raise ValueError(msg)
    return str(address)


def _to_ascii(host: str) -> str:
    try:
        return idna.encode(host.lower()).decode()
    except (idna.IDNAError, UnicodeError) as error:
        msg = f"has a host that is no valid international name: {error}"
        raise ValueError(msg) from error


def _with_host(parts: SplitResult, host: str) -> str:
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return parts._replace(netloc=netloc, fragment="").geturl()


def destination_check(guard: EgressGuard) -> Callable[[str], str | None]:
    """Return a function that returns why the worker will certainly refuse a lane's destination.

    It only uses the host in the URL; names are not looked up.
    """

    @lru_cache(maxsize=ORIGIN_CACHE_SIZE)
    def denial_reason(lane: str) -> str | None:
        host, _, port = lane.rpartition(":")
        return guard.name_denial_reason(host.strip("[]"), int(port))

    return denial_reason


def check_method(method: str) -> str:
    """Return the method in upper case."""
    upper = method.upper()
    if upper not in METHODS or not method.isascii():
        msg = "should be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"
        raise ValueError(msg)
    return upper


def check_base64(text: str) -> bytes:
    """Return the bytes."""
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"is not standard base64: {error}"
        raise ValueError(msg) from error


def header_errors(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what is wrong with headers, as name and reason."""
    errors: list[tuple[str, str]] = []
    seen: set[str] = set()
    size = 0
    for name, value in headers.items():
        lower, reason = _check_header_name(name)
        if reason:
            errors.append((name, reason))
        elif lower in seen:
            errors.append((name, "comes twice, in different case"))
        elif not value.isprintable() and _CONTROL.search(value):
            errors.append((name, "has a control character in its value"))
        seen.add(lower)
        size += len(name) + len(value.encode()) + 4
    if size > MAX_HEADERS_BYTES:
        errors.append(("", f"take {size} bytes in all; at most {MAX_HEADERS_BYTES} are sent"))
    return errors


def _check_header_name(name: str) -> tuple[str, str]:
    # Few different names are used again and again. Long ones would fill the memory.
    return (
        _check_cached_name(name)
        if len(name) <= MAX_CACHED_NAME_CHARACTERS
        else _check_cached_name.__wrapped__(name)
    )


@lru_cache(maxsize=NAME_CACHE_SIZE)
def _check_cached_name(name: str) -> tuple[str, str]:
    """Return the name in lower case, and the reason if it is invalid, else an empty string."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        return lower, "is not a header name"
    # CGI and WSGI destinations cannot tell Transfer_Encoding from Transfer-Encoding.
    reason = _REFUSED_HEADERS.get(lower.replace("_", "-"))
    return lower, f"cannot be set: {reason}" if reason else ""
