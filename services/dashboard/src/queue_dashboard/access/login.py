"""Logging in and out, and choosing a project."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from queue_client import AuthenticationError

from ..context import dashboard_of
from ..gateway import Caller
from .forms import FormError, read_form
from .session import Session
from .visit import SAID, MissingScopeError, PostedForm, Visitor

__all__ = ["router"]

router = APIRouter()


@router.get("/login")
async def show_login(request: Request) -> Response:
    """Ask for an API key."""
    session = dashboard_of(request).cookies.read(request) or Session.begin()
    said = SAID.get(request.query_params.get("said", ""))
    return _login_page(request, session, said=said)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Keep the key in a cookie if the API knows it."""
    dashboard = dashboard_of(request)
    session = dashboard.cookies.read(request)
    kept = session or Session.begin()
    try:
        form = await read_form(request, session)
        token = form.get("key", "").strip()
        await dashboard.gateway.me(Caller(token, None))
    except FormError as error:
        return _login_page(request, kept, error=str(error), status=error.status)
    except AuthenticationError:
        unknown = "The API does not know this key, or it has expired."
        return _login_page(request, kept, error=unknown, status=401)
    response = RedirectResponse(dashboard.pages.url(_next(request)), 303)
    dashboard.cookies.write(request, response, Session.begin(token))
    return response


def _login_page(
    request: Request, session: Session, *, said: str | None = None,
    error: str | None = None, status: int = 200,
) -> Response:  # fmt: skip
    dashboard = dashboard_of(request)
    response = dashboard.pages.response(
        "login.html", status, csrf=session.csrf, said=said, error=error,
        next=_next(request),
        header=dashboard.settings.dashboard_trusted_header,
    )  # fmt: skip
    dashboard.cookies.write(request, response, session)
    return response


def _next(request: Request) -> str:
    """Return where to go after the login: a page of ours, whatever the URL says."""
    path = request.query_params.get("next", "")
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if own else "/"


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """Forget the key, whatever the API says of it."""
    dashboard = dashboard_of(request)
    await read_form(request, dashboard.cookies.read(request))
    response = RedirectResponse(dashboard.pages.url("/login", {"said": "logged-out"}), 303)
    dashboard.cookies.clear(response)
    return response


@router.post("/project")
async def choose_project(visit: Visitor, form: PostedForm) -> Response:
    """Show another project, for admins; raises ApiError if it cannot have this name."""
    if not visit.can("admin"):
        raise MissingScopeError("admin")
    project = form.text("project")
    await visit.dashboard.gateway.me(visit.caller._replace(project=project))
    response = visit.redirect("/")
    session = msgspec.structs.replace(visit.session, project=project)
    visit.dashboard.cookies.write(visit.request, response, session)
    return response
