"""``queue listen``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..apps import new_app
from ..failures import USAGE, CommandError
from ..output import Output, StreamOption
from ..session import session_of

__all__ = ["app"]

app = new_app()


@app.command(epilog="Example: queue listen hooks.example.com --forward-to localhost:3000")
def listen(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Argument(help="Whose deliveries to take.")] = None,
    forward_to: Annotated[
        str, typer.Option(help="A port, host:port or URL of this machine.")
    ] = "localhost:3000",
    lane: Annotated[str | None, typer.Option(help="In place of a host.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=50, help="At a time.")] = 10,
    output: StreamOption = Output.TABLE,
) -> None:
    """Have a destination's deliveries come to this machine; its answers count.

    While it runs, workers leave the lane alone. It takes the lane as a whole: tasks sent with a
    --lane of their own are apart from the others of their destination.

    Keys: r repeats the last delivery here without telling the queue, d shows it, o opens it in the
    dashboard, q ends.
    """
    if (host is None) == (lane is None):
        raise CommandError("give either a host or --lane", USAGE)
    import asyncio

    from ..listening import run

    where = {"lane": lane} if lane is not None else _where(host or "")
    asyncio.run(run(session_of(ctx), where, forward_to, concurrency, output))


def _where(host: str) -> dict[str, str]:
    """Return a host, or the lane of one with a port."""
    return {"lane": host} if ":" in host else {"host": host}
