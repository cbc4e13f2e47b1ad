"""``queue verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..apps import new_app
from ..failures import FAILED, USAGE, CommandError
from ..options import DataOption, HeaderOption, read_data, read_headers
from ..output import note

__all__ = ["SecretOption", "app"]

app = new_app()
SecretOption = Annotated[
    list[str], typer.Option("--secret", envvar="QUEUE_SIGNING_SECRET", help="whsec_…")
]


@app.command(epilog="Example: queue verify --secret whsec_… --headers headers.txt -d @body.json")
def verify(
    secret: SecretOption,
    header: HeaderOption = None,
    headers: Annotated[Path | None, typer.Option(help="A file, a header a line.")] = None,
    data: DataOption = None,
    tolerance: Annotated[float, typer.Option(help="Seconds; 0: any age.")] = 300,
) -> None:
    """Check a signature (Standard Webhooks): exit code 0 if it is right, 1 if not."""
    from queue_client.receive import SignatureError, verify

    lines = _header_lines(headers) if headers else []
    given = read_headers([*lines, *(header or [])])
    body = read_data(data)
    if not given or body is None:
        raise CommandError("give the headers (-H or --headers) and the body (-d)", USAGE)
    try:
        verify(given, body, secret, tolerance=tolerance or float("inf"))
    except SignatureError as error:
        raise CommandError(str(error), FAILED) from None
    note("the signature is right")


def _header_lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        msg = f"{path} is no text: it should have a header a line"
        raise CommandError(msg, USAGE) from None
    return [line for line in text.splitlines() if ":" in line]
