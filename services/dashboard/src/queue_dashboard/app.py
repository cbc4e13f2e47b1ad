"""The application: its parts, its routes, its answers to errors."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from .access import login
from .access.gate import HEALTH, Gate
from .access.session import SessionCookies
from .context import Dashboard, dashboard_of
from .errors import add_error_pages
from .gateway import Gateway
from .live import routes as live
from .live.hub import Hub
from .pages import ROUTERS
from .view.assets import Assets
from .view.pages import Pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .settings import DashboardSettings

__all__ = ["build_dashboard"]


def build_dashboard(settings: DashboardSettings) -> Gate:
    """Return the application that a process serves."""
    gateway, assets = Gateway(settings), Assets()
    dashboard = Dashboard(
        settings=settings,
        cookies=SessionCookies(settings.dashboard_session_secret, settings.dashboard_root_path),
        gateway=gateway, hub=Hub(gateway), assets=assets,
        pages=Pages(settings.dashboard_root_path, assets),
    )  # fmt: skip
    app = FastAPI(
        title="Queue System's dashboard", openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False, lifespan=_lifespan,
    )  # fmt: skip
    app.state.dashboard = dashboard
    for router in (login.router, live.router, *ROUTERS):
        app.include_router(router)
    app.add_api_route(HEALTH, _health)
    app.add_api_route("/favicon.ico", _favicon)
    app.add_api_route("/static/{name:path}", _static)
    add_error_pages(app)
    return Gate(app, dashboard)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    dashboard: Dashboard = app.state.dashboard
    yield
    await dashboard.hub.close()
    await dashboard.gateway.close()


async def _health() -> Response:
    return PlainTextResponse("ok\n")


async def _favicon(request: Request) -> Response:
    assets = dashboard_of(request).assets
    return assets.response(request, assets.name("favicon.svg"))


async def _static(request: Request, name: str) -> Response:
    return dashboard_of(request).assets.response(request, name)
