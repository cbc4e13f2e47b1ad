"""``queue open``."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Annotated

import typer

from ..apps import new_app
from ..session import session_of

__all__ = ["app"]

app = new_app()
DEFAULT_PATH = "/dashboard"


@app.command("open", epilog="Example: queue open 01a20d94-4598-77ff-aa01-ede0158d74bc")
def open_(
    ctx: typer.Context,
    task_id: Annotated[str | None, typer.Argument(help="Show this task.")] = None,
    printed: Annotated[bool, typer.Option("--print", help="Only print the address.")] = False,
) -> None:
    """Open the dashboard in a browser."""
    base = session_of(ctx).options.get("dashboard") or os.environ.get("QUEUE_DASHBOARD_URL")
    url = base or session_of(ctx).client.connection.base_url + DEFAULT_PATH
    url = f"{url.rstrip('/')}/tasks/{task_id}" if task_id else url
    sys.stdout.write(f"{url}\n")
    if not printed:
        webbrowser.open(url)
