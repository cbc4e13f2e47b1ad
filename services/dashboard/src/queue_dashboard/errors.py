"""What a user sees when something is refused, gone or away."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from queue_client import (
    ApiError,
    AuthenticationError,
    PermissionDeniedError,
    QueueClientError,
    UnavailableError,
)

from .access.forms import FormError
from .access.visit import CrossSiteArrivalError, LoginRequiredError, MissingScopeError
from .context import dashboard_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from .access.visit import Visit

__all__ = ["add_error_pages"]

log = structlog.get_logger()

TITLES = {
    400: "This request cannot be read",
    403: "This key does not allow that",
    404: "There is nothing here",
    405: "There is nothing here",
    409: "The task's state does not allow that",
    422: "The API refuses this",
    429: "A limit is reached",
    502: "The API cannot be reached",
    503: "The queue is not available",
}


def add_error_pages(app: FastAPI) -> None:
    """Have the application answer errors with pages."""
    app.add_exception_handler(LoginRequiredError, _to_login)
    app.add_exception_handler(CrossSiteArrivalError, _arrive_again)
    app.add_exception_handler(MissingScopeError, _missing_scope)
    app.add_exception_handler(FormError, _refused_form)
    app.add_exception_handler(QueueClientError, _api_error)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(Exception, _unexpected)


def _error_page(request: Request, status: int, reason: str, title: str | None = None) -> Response:
    """Return a page of the dashboard; a bare one if nobody knows who asks."""
    title = title or TITLES.get(status, "Something went wrong")
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is not None:
        return visit.page("problem.html", status, status=status, title=title, reason=reason)
    dashboard = dashboard_of(request)
    session = dashboard.cookies.read(request)
    csrf = session.csrf if session and session.token else None
    return dashboard.pages.response(
        "error.html", status, status=status, title=title, reason=reason, csrf=csrf
    )


async def _to_login(request: Request, error: Exception) -> Response:
    dashboard = dashboard_of(request)
    header = dashboard.settings.dashboard_trusted_header
    if header is not None:
        reason = f"No proxy has named a user in {header}, or the API does not know its key."
        return _error_page(request, 403, reason)
    if request.headers.get("accept") == "text/event-stream":
        return Response("event: ended\ndata: 1\n\n", media_type="text/event-stream")
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = path if request.method == "GET" and path != "/" else None
    said = error.said if isinstance(error, LoginRequiredError) else None
    return RedirectResponse(dashboard.pages.url("/login", {"said": said, "next": back}), 303)


async def _arrive_again(_request: Request, _error: Exception) -> Response:
    """Have the browser ask once more, from this site: it then sends its cookie."""
    page = (
        '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0"><title>Queue</title>'
    )
    return HTMLResponse(page)


async def _missing_scope(request: Request, error: Exception) -> Response:
    reason = f"It needs the scope {error}. Log in with a key that has it."
    return _error_page(request, 403, reason)


async def _refused_form(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, FormError) else 400
    title = "This form cannot be taken" if status == HTTPStatus.FORBIDDEN else None
    return _error_page(request, status, str(error), title)


async def _api_error(request: Request, error: Exception) -> Response:
    if isinstance(error, AuthenticationError):
        return await _to_login(request, LoginRequiredError("expired"))
    if isinstance(error, ApiError) and not isinstance(error, UnavailableError):
        status = 403 if isinstance(error, PermissionDeniedError) else error.status
        return _error_page(request, status, str(error))
    log.warning("api.unavailable", path=request.url.path, reason=str(error))
    status = 503 if isinstance(error, UnavailableError) else 502
    url = dashboard_of(request).settings.dashboard_api_url
    reason = f"{error}. Asked at {url}. Tasks that were accepted are safe; load the page again."
    return _error_page(request, status, reason)


async def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error_page(request, status, "No page has this address.")


async def _unexpected(request: Request, _error: Exception) -> Response:
    return _error_page(request, 500, "This is a fault of the dashboard; its log has the reason.")
