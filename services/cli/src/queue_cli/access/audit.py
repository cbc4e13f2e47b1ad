"""``queue audit``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from ..apps import new_app
from ..output import Column, Output, OutputOption, emit_all
from ..output.words import when
from ..session import client_of

__all__ = ["app"]

app = new_app()
COLUMNS: list[Column] = [
    ("when", lambda entry: when(entry.at)),
    ("who", lambda entry: entry.key_name or entry.key_id),
    ("project", lambda entry: entry.project),
    ("action", lambda entry: entry.action),
    ("target", lambda entry: entry.target),
]


@app.command(epilog="Example: queue audit --limit 20")
def audit(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who did what, the newest first."""
    entries = client_of(ctx).iter_audit(limit=min(limit, 1000))
    emit_all(islice(entries, limit), output, COLUMNS, empty="nothing yet")
