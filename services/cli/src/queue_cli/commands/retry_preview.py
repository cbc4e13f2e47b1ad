"""``queue retry-preview``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..apps import new_app
from ..options import read_retry
from ..output import Column, Output, OutputOption, emit, emit_all, note
from ..output.words import duration
from ..session import client_of

__all__ = ["app"]

app = new_app()
COLUMNS: list[Column] = [
    ("NO", lambda attempt: attempt.number),
    ("AFTER", lambda attempt: duration(attempt.after_seconds)),
    ("at", lambda attempt: attempt.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")),
]


@app.command(epilog="Example: queue retry-preview exponential,interval=1s,max_interval=1h")
def retry_preview(
    ctx: typer.Context,
    spec: Annotated[str, typer.Argument(help="STRATEGY,name=value,…, as for send --retry.")],
    count: Annotated[int, typer.Option(help="Of attempts.", min=1, max=100)] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show when a retry policy tries again if each attempt fails."""
    preview = client_of(ctx).preview_retry(retry=read_retry(spec), count=count)
    if output is Output.JSON:
        emit(preview, output, [])
        return
    emit_all(preview.attempts, output, COLUMNS)
    if preview.gives_up_at is not None:
        note(f"gives up at {preview.gives_up_at.astimezone():%Y-%m-%d %H:%M:%S}")
