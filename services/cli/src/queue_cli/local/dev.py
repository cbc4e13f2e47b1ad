"""``queue dev``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..apps import new_app
from ..failures import USAGE, CommandError

__all__ = ["app"]

app = new_app()


@app.command(epilog="Example: queue dev --port 9000 --data ~/.local/share/queue")
def dev(
    port: Annotated[int | None, typer.Option(help="The API's; 8080.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where tasks are kept; .data.")] = None,
) -> None:
    """Run API, worker and an embedded Valkey on this machine until Ctrl-C.

    All variables of API and worker hold, such as WORKER_RETRY_INTERVAL=1s.
    """
    try:
        from queue_standalone.__main__ import main
    except ImportError as error:
        msg = f"{error.name} is not installed: install queue-standalone beside queue-cli"
        raise CommandError(msg, USAGE) from None
    if port is not None:
        os.environ["API_PORT"] = str(port)
    if data is not None:
        os.environ["DATA_DIR"] = str(data)
    main([])
