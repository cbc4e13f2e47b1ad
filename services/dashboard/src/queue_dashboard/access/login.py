"""Logging in and out, and choosing a project."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from queue_client import AuthenticationError

from ..context import dashboard_of
from ..gateway import Caller
from .forms import read_form
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
    form = await read_form(request, session)
    token = form.get("key", "").strip()
    try:
        await dashboard.gateway.me(Caller(token, None))
    except AuthenticationError:
        error = "The API does not know this key, or it has expired."
        return _login_page(request, session or Session.begin(), error=error, status=401)
    response = RedirectResponse(dashboard.pages.url(_own_path(form.get("next", ""))), 303)
    dashboard.cookies.write(request, response, Session.begin(token))
    return response


def _login_page(
    request: Request, session: Session, *, said: str | None = None, error: str | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    dashboard = dashboard_of(request)
    response = dashboard.pages.response(
        "login.html", status, csrf=session.csrf, said=said, error=error,
        next=_own_path(request.query_params.get("next", "")),
        header=dashboard.settings.dashboard_trusted_header,
    )  # fmt: skip
    dashboard.cookies.write(request, response, session)
    return response


def _own_path(path: str) -> str:
    """Return where to go after the login: a page of ours, whatever the URL says."""
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if own else "/"


@router.post("/logout")
async def log_out(visit: Visitor, _: PostedForm) -> Response:
    """Forget the key."""
    response = visit.redirect("/login", said="logged-out")
    visit.dashboard.cookies.clear(response)
    return response


@router.post("/project")
async def choose_project(visit: Visitor, form: PostedForm) -> Response:
    """Show another project, for admins."""
    if not visit.can("admin"):
        raise MissingScopeError("admin")
    response = visit.redirect("/")
    session = msgspec.structs.replace(visit.session, project=form.text("project"))
    visit.dashboard.cookies.write(visit.request, response, session)
    return response
