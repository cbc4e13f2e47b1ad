"""Templates made into responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from . import lanes
from .words import FILTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .assets import Assets

__all__ = ["Pages"]


class Pages:
    """The templates, and the URLs in them. All values are escaped unless a template made them."""

    def __init__(self, root_path: str, assets: Assets) -> None:
        self._root_path = root_path
        self._assets = assets
        self._environment = Environment(
            loader=PackageLoader("queue_dashboard"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        self._environment.filters |= FILTERS
        self._environment.filters |= {"health": lanes.health, "probe_is_due": lanes.probe_is_due}
        self._environment.globals |= {"url": self.url, "asset": self.asset}

    def url(self, path: str, query: Mapping[str, Any] | None = None, **more: Any) -> str:  # noqa: ANN401
        """Return the URL of a page of ours; what is None or empty is left out of its query."""
        pairs = [
            (name, one)
            for name, value in {**(query or {}), **more}.items()
            for one in (value if isinstance(value, list) else [value])
            if one not in {None, ""}
        ]
        return self._root_path + path + (f"?{urlencode(pairs)}" if pairs else "")

    def asset(self, name: str) -> str:
        """Return the URL of a static file."""
        return f"{self._root_path}/static/{self._assets.name(name)}"

    def response(self, template: str, code: int = 200, /, **values: Any) -> HTMLResponse:  # noqa: ANN401
        """Render a template."""
        html = self._environment.get_template(template).render(**values)
        # Half a surrogate pair from foreign text has no bytes of its own.
        return HTMLResponse(html.encode(errors="replace"), code)
