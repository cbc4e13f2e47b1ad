"""A visit: one request, who makes it, what they may do, and the answers it can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from queue_client import AsyncQueueClient, AuthenticationError, Me

from ..context import Dashboard, dashboard_of
from ..gateway import Caller
from .forms import Form, FormError, read_form
from .session import Session

__all__ = [
    "CrossSiteArrivalError",
    "LoginRequiredError",
    "MissingScopeError",
    "PostedForm",
    "Visit",
    "Visitor",
    "can",
    "needs",
]

SAID = {
    "cancelled": "The task was cancelled.",
    "cancel-requested": "The task was to end with the attempt that was under way.",
    "run": "The task was put at the front of its lane.",
    "deleted": "Deleted.",
    "sent": "The task was accepted.",
    "exists": "This task was in the queue already.",
    "replayed": "This is the new task.",
    "paused": "The lane was paused.",
    "resumed": "The lane was resumed.",
    "limits": "The limits were set.",
    "purged": "What waited in the lane was removed.",
    "started": "The operation was started.",
    "stopping": "The operation was told to stop; what is done stays done.",
    "revoked": "The key was revoked.",
    "saved": "Saved.",
    "logged-out": "You are logged out.",
    "expired": "The API does not know this key any more. Log in again.",
}
"""What a page may say after a form was sent: the URL names one of these, and nothing else.

A page goes on while it says this: each tells of the act, not of a state that others change."""


class LoginRequiredError(Exception):
    """Nobody is logged in; ``said`` is a key of ``SAID``."""

    def __init__(self, said: str | None = None) -> None:
        super().__init__(said)
        self.said = said


class CrossSiteArrivalError(Exception):
    """A link on another site led here, and the browser has kept the cookie back."""


class MissingScopeError(Exception):
    """The key does not allow this."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


@dataclass(frozen=True)
class Visit:
    """One request of somebody whom the API knows."""

    request: Request
    dashboard: Dashboard
    session: Session
    caller: Caller
    me: Me
    fresh: bool
    """Whether the session was made for this request, and its cookie has still to be set."""

    @property
    def client(self) -> AsyncQueueClient:
        """The API in the visitor's name."""
        return self.dashboard.gateway.client(self.caller)

    def can(self, scope: str) -> bool:
        """Whether the visitor's key has a scope, or one that includes it."""
        return can(self.me, scope)

    @property
    def query(self) -> dict[str, str]:
        """The URL's query; raises FormError if a name comes twice.

        A form shows one value, and an operation with one of two labels acts on more tasks.
        """
        given = [(name, value) for name, value in self.request.query_params.multi_items() if value]
        query = dict(given)
        if len(query) < len(given):
            names = [name for name, _ in given]
            twice = next(name for name in names if names.count(name) > 1)
            raise FormError(422, f"{twice}: comes twice in the URL; a page takes one")
        return query

    def page(self, template: str, status: int = 200, /, **values: Any) -> Response:  # noqa: ANN401
        """Render a page for the visitor."""
        said = SAID.get(self.request.query_params.get("said", ""))
        here = self.request.url.path
        response = self.dashboard.pages.response(
            template, status, visit=self, said=said, here=here, **values
        )
        return self._remember(response)

    def redirect(self, path: str, **query: Any) -> Response:  # noqa: ANN401
        """Send the browser to another page, after a form."""
        return self._remember(RedirectResponse(self.dashboard.pages.url(path, query), 303))

    def _remember(self, response: Response) -> Response:
        if self.fresh:
            self.dashboard.cookies.write(self.request, response, self.session)
        return response


def can(me: Me, scope: str) -> bool:
    """Whether scopes include one: ``manage`` includes ``read``, ``admin`` all."""
    including = {"read": {"read", "manage", "admin"}, "manage": {"manage", "admin"}}
    return bool(including.get(scope, {scope, "admin"}) & set(me.scopes))


async def open_visit(request: Request) -> Visit:
    """Return the visit; raises LoginRequiredError if the API wants a key and there is none."""
    dashboard = dashboard_of(request)
    session = dashboard.cookies.read(request)
    if session is None and _came_from_another_site(request):
        raise CrossSiteArrivalError
    kept = _session_of_header(dashboard, request, session) or session or Session.begin()
    token = _token(dashboard, kept)
    caller = Caller(token, kept.project)
    try:
        me = await dashboard.gateway.me(caller)
    except AuthenticationError as error:
        raise LoginRequiredError("expired" if token else None) from error
    visit = Visit(request, dashboard, kept, caller, me, fresh=kept is not session)
    request.state.visit = visit  # for the page of a problem
    return visit


def _came_from_another_site(request: Request) -> bool:
    """Say whether a link elsewhere led here: a SameSite=Strict cookie is then not sent."""
    fetched = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    return request.method == "GET" and fetched == ("cross-site", "navigate")


def _session_of_header(
    dashboard: Dashboard, request: Request, session: Session | None
) -> Session | None:
    """Return the session of the user whom the proxy names; None if no proxy does."""
    header = dashboard.settings.dashboard_trusted_header
    if header is None:
        return None
    user = request.headers.get(header)
    if not user:
        raise LoginRequiredError
    return session if session and session.user == user else Session.begin(user=user)


def _token(dashboard: Dashboard, session: Session) -> str | None:
    key = dashboard.settings.dashboard_api_key
    return key.get_secret_value() if key is not None else session.token


Visitor = Annotated[Visit, Depends(open_visit)]


async def _posted_form(visit: Visitor) -> Form:
    return await read_form(visit.request, visit.session)


PostedForm = Annotated[Form, Depends(_posted_form)]


def needs(scope: str) -> Any:  # noqa: ANN401 - what FastAPI takes for a dependency
    """Return a dependency that refuses visitors without a scope."""

    async def check(visit: Visitor) -> None:
        if not visit.can(scope):
            raise MissingScopeError(scope)

    return Depends(check)
