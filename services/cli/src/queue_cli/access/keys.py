"""``queue keys``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from ..apps import new_app
from ..options import read_time
from ..output import Column, Output, OutputOption, done, emit, emit_all
from ..output.words import when
from ..session import client_of

__all__ = ["app"]

app = new_app("API keys.")


class Scope(StrEnum):
    """What a key may do."""

    ENQUEUE = "enqueue"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


KeyArgument = Annotated[str, typer.Argument(metavar="KEY_ID")]
COLUMNS: list[Column] = [
    ("id", lambda key: key.id),
    ("name", lambda key: key.name),
    ("project", lambda key: key.project),
    ("scopes", lambda key: ", ".join(key.scopes)),
    ("expires", lambda key: when(key.expires_at)),
    ("last used", lambda key: when(key.last_used_at)),
]


@app.command(epilog="Example: queue keys create shop --scope enqueue --scope read")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; several add up.")],
    project: Annotated[str, typer.Option(help="The key's.")] = "default",
    expires: Annotated[str | None, typer.Option(help="A time (RFC 3339).")] = None,
    allowed_host: Annotated[list[str] | None, typer.Option(help="*.example.com")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a key; it is shown this once."""
    given: dict[str, Any] = {"expires_at": read_time(expires), "allowed_hosts": allowed_host}
    key = client_of(ctx).create_key(
        project=project, scopes=[*scope], name=name,
        **{field: value for field, value in given.items() if value is not None},
    )  # fmt: skip
    emit(key, output, [("id", key.id), ("key", key.key), ("scopes", ", ".join(key.scopes))])


@app.command("list", epilog="Example: queue keys list")
def list_(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List keys, without their secrets."""
    emit_all(client_of(ctx).iter_keys(), output, COLUMNS, empty="no keys")


@app.command(epilog="Example: queue keys delete k3v9x2a1b4c5")
def delete(ctx: typer.Context, key_id: KeyArgument, output: OutputOption = Output.TABLE) -> None:
    """Withdraw a key."""
    client_of(ctx).delete_key(key_id)
    done({"id": key_id, "deleted": True}, output, f"{key_id} is withdrawn")
