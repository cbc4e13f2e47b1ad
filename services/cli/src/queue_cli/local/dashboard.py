"""``queue open``."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated

import typer

from ..apps import new_app
from ..output import Output, OutputOption, emit
from ..session import dashboard_of, session_of

__all__ = ["app"]

app = new_app()


@app.command("open", epilog="Example: queue open 01a20d94-4598-77ff-aa01-ede0158d74bc")
def open_(
    ctx: typer.Context,
    task_id: Annotated[str | None, typer.Argument(help="Show this task.")] = None,
    printed: Annotated[bool, typer.Option("--print", help="Only print the address.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Open the dashboard in a browser."""
    url = dashboard_of(session_of(ctx), task_id)
    if output is Output.TABLE:
        sys.stdout.write(f"{url}\n")
    else:
        emit({"url": url}, output, [])
    if not printed:
        webbrowser.open(url)
