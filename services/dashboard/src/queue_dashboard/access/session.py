"""Sessions: an API key in an encrypted cookie; the dashboard itself keeps nothing."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["MAX_AGE_SECONDS", "Session", "SessionCookies"]

COOKIE = "queue_dashboard"
MAX_AGE_SECONDS = 12 * 3600
"""How long a login lasts."""


class Session(msgspec.Struct, frozen=True):
    """What a cookie holds."""

    csrf: str
    """Each form carries it: another site's page does not know it."""
    token: str | None = None
    """The API key; None: the API asks for none, or nobody has logged in."""
    project: str | None = None
    """The project an admin has chosen."""
    user: str | None = None
    """Whom DASHBOARD_TRUSTED_HEADER named when the session began."""

    @classmethod
    def begin(cls, token: str | None = None, user: str | None = None) -> Session:
        """Return a session with a CSRF token of its own."""
        return cls(csrf=secrets.token_urlsafe(24), token=token, user=user)


class SessionCookies:
    """Writes sessions into cookies and reads them back.

    A cookie is encrypted and authenticated: nobody but the dashboard reads or makes one.
    """

    def __init__(self, secret: SecretStr | None, path: str) -> None:
        text = secret.get_secret_value() if secret else secrets.token_urlsafe(32)
        derived = HKDF(SHA256(), 32, salt=None, info=b"queue-dashboard session").derive(
            text.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))
        self._path = path or "/"

    def read(self, request: Request) -> Session | None:
        """Return the request's session; None if it has none, or one that is old or not ours."""
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            return None
        try:
            sealed = self._fernet.decrypt(cookie.encode(), ttl=MAX_AGE_SECONDS)
            return msgspec.json.decode(sealed, type=Session)
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError):
            return None

    def write(self, request: Request, response: Response, session: Session) -> None:
        """Set the cookie; ``Secure`` if the user's browser came by https."""
        response.set_cookie(
            COOKIE, self._fernet.encrypt(msgspec.json.encode(session)).decode(),
            max_age=MAX_AGE_SECONDS, path=self._path, httponly=True, samesite="strict",
            secure=came_by_https(request),
        )  # fmt: skip

    def clear(self, response: Response) -> None:
        """Remove the cookie."""
        response.delete_cookie(COOKIE, path=self._path, httponly=True, samesite="strict")


def came_by_https(request: Request) -> bool:
    """Whether the browser spoke TLS, with us or with the proxy in front of us.

    Who forges the header only makes a cookie of their own stricter.
    """
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
