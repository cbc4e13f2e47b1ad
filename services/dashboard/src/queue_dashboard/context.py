"""What all requests share; made once in ``app``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.requests import Request

    from .access.session import SessionCookies
    from .gateway import Gateway
    from .live.hub import Hub
    from .settings import DashboardSettings
    from .view.assets import Assets
    from .view.pages import Pages

__all__ = ["Dashboard", "dashboard_of"]


@dataclass(frozen=True)
class Dashboard:
    """The dashboard's parts."""

    settings: DashboardSettings
    cookies: SessionCookies
    gateway: Gateway
    hub: Hub
    assets: Assets
    pages: Pages


def dashboard_of(request: Request) -> Dashboard:
    """Return the dashboard that serves a request."""
    return cast("Dashboard", request.app.state.dashboard)
