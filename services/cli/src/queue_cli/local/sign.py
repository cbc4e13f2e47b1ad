"""``queue sign``."""

from __future__ import annotations

import sys
import uuid
from typing import Annotated

import typer

from ..apps import new_app
from ..failures import FAILED, USAGE, CommandError
from ..options import DataOption, read_data
from .verify import SecretOption

__all__ = ["app"]

app = new_app()


@app.command(
    epilog="Example: queue sign --secret whsec_… -d @body.json > headers.txt && "
    "curl -H @headers.txt -d @body.json http://localhost:3000/hook"
)
def sign(
    secret: SecretOption,
    data: DataOption = None,
    message_id: Annotated[str | None, typer.Option("--id", help="The webhook-id.")] = None,
    at: Annotated[int | None, typer.Option(help="Seconds since 1970; now.")] = None,
) -> None:
    """Print the headers that sign a body, to try a receiver."""
    from queue_client.receive import SignatureError
    from queue_client.receive import sign as sign_body

    body = read_data(data)
    if body is None:
        raise CommandError("give the body by -d", USAGE)
    try:
        headers = sign_body(body, secret[0], message_id=message_id or str(uuid.uuid4()),
                            timestamp=at)  # fmt: skip
    except SignatureError as error:
        raise CommandError(str(error), FAILED) from None
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in headers.items()))
