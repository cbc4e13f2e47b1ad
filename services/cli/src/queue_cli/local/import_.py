"""``queue import``."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Annotated

import msgspec
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
    """Send the tasks of an export, or of other NDJSON; what was imported before is not doubled.

    A line without a key or id of its own has a key made of its content.
    """
    send_batch(client_of(ctx), file, "import", output, key_lines=KeyedByContent())


class KeyedByContent:
    """Puts a key into lines that have none: of the content, and of how often it came before."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def __call__(self, line: bytes) -> bytes:
        """Return the line with a key; what is no task stays as it is, to be refused."""
        line = line.strip()
        try:
            fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            return line
        if not fields or fields.keys() & {"idempotency_key", "task_id"}:
            return line
        digest = hashlib.sha256(line).digest()[:16]
        self._seen[digest] += 1
        key = f"import-{digest.hex()}-{self._seen[digest]}"
        return b'%b,"idempotency_key":"%b"}' % (line[:-1], key.encode())
