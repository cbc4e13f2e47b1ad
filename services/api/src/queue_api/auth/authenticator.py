"""Finds the principal of a request by its headers."""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from queue_common.lanes import DEFAULT_PROJECT

from ..problems import FieldError, ProblemError
from .known_keys import PREFIX, KnownKeys, digest_of
from .principal import ALL_SCOPES, Principal, Scope, forbidden
from .project_names import check_project_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .settings import AuthSettings

__all__ = ["Authenticator", "UnknownKeyError"]

ALL_PROJECTS = b"*"
_BEARER = b"bearer "
_ROOT = Principal(DEFAULT_PROJECT, ALL_SCOPES, "root", "root", "root")
_OPEN = Principal(DEFAULT_PROJECT, ALL_SCOPES)


_NOT_VALID = "The key is not valid: unknown, revoked or expired."


class UnknownKeyError(ProblemError):
    """A well-formed key that is unknown here. Another process may have just created it."""

    def __init__(self, *, is_loaded: bool) -> None:
        if is_loaded:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            super().__init__(HTTPStatus.UNAUTHORIZED, "unauthorized", _NOT_VALID, headers=headers)
            return
        detail = "The keys have not been read from Redis yet."
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE, "queue-unavailable", detail,
            headers={"Retry-After": "1"},
        )  # fmt: skip


class Authenticator:
    """Checks requests against all keys in memory, in less than 1 µs."""

    def __init__(self, settings: AuthSettings) -> None:
        self.checks_keys = settings.checks_keys()
        self.known = KnownKeys()
        self._root_digests = tuple(digest_of(key.encode()) for key in settings.root_keys())

    def authenticate(self, authorization: bytes | None, project: bytes | None) -> Principal:
        """Return the principal by the values of ``Authorization`` and ``X-Project``.

        Raises ProblemError 401 without a valid key, 403 for a project of another key.
        """
        principal = self._by_key(authorization) if self.checks_keys else _OPEN
        return principal if project is None else _for_project(principal, project)

    def _by_key(self, authorization: bytes | None) -> Principal:
        if not authorization:
            raise _unauthorized("Send a key: Authorization: Bearer qk_…", "")
        token = authorization[len(_BEARER) :].strip()
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise _unauthorized("Authorization should be: Bearer, a space, and the key.", "")
        principal = self.known.find(token)
        if principal is not None:
            return principal
        if self._is_root(digest_of(token)):
            return _ROOT
        if token.startswith(PREFIX):
            raise UnknownKeyError(is_loaded=self.known.is_loaded)
        raise _unauthorized(_NOT_VALID, "invalid_token")

    def is_valid(self, principal: Principal) -> bool:
        """Return whether a request's key was neither revoked nor has expired since it began.

        What takes longer than a few seconds asks again and again.
        """
        return principal.auth != "key" or self.known.is_valid(principal.key_id or "")

    def check_valid(self, principal: Principal) -> None:
        """Raise ProblemError 401 if the key is not valid any more."""
        if not self.is_valid(principal):
            raise _unauthorized(_NOT_VALID, "invalid_token")

    def _is_root(self, digest: bytes) -> bool:
        return any([hmac.compare_digest(digest, known) for known in self._root_digests])

    def authenticate_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
        """Return the principal by a request's headers (names in lower case)."""
        keys = [value for name, value in headers if name == b"authorization"]
        projects = [value for name, value in headers if name == b"x-project"]
        if len(keys) > 1 and self.checks_keys:
            raise _unauthorized("Authorization comes twice.", "")
        # Two values joined by a comma are not a project's name.
        project = b",".join(projects) if projects else None
        return self.authenticate(keys[0] if keys else None, project)


@lru_cache(maxsize=512)
def _for_project(principal: Principal, value: bytes) -> Principal:
    """Return the principal for the project in ``X-Project``."""
    name = value.decode("latin-1").strip()
    is_all = value == ALL_PROJECTS
    if not is_all:
        _check_project(name)
    if name == principal.project:
        return principal
    if Scope.ADMIN not in principal.scopes:
        raise forbidden("X-Project names another project than the key's: that needs scope admin.")
    return replace(principal, all_projects=True) if is_all else replace(principal, project=name)


def _check_project(name: str) -> None:
    try:
        check_project_name(name)
    except ValueError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-project", "X-Project names no project.",
            errors=[FieldError("X-Project", str(error))],
        ) from None  # fmt: skip


def _unauthorized(detail: str, error: str) -> ProblemError:
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    headers = {"WWW-Authenticate": challenge}
    return ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=headers)
