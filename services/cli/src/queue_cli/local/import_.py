"""``queue import``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..apps import new_app
from ..commands.batch import send_batch
from ..output import Output, OutputOption
from ..session import client_of

__all__ = ["app"]

app = new_app()


@app.command("import", epilog="Example: queue --profile staging import dead.ndjson")
def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="What `queue export` wrote; - is the pipe.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Send the tasks of an export; a task that was imported before is not doubled."""
    send_batch(client_of(ctx), file, "import", output)
