"""``queue operations``, and what starts one and follows it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..apps import new_app
from ..failures import FAILED, USAGE, CommandError
from ..output import Column, Output, OutputOption, emit, emit_all, note
from ..output.progress import progress
from ..output.words import when
from ..session import client_of

if TYPE_CHECKING:
    from queue_client import Filter, Operation, QueueClient

__all__ = ["app", "operate"]

app = new_app("What runs in the background.")
IdArgument = Annotated[str, typer.Argument(metavar="OPERATION_ID")]
POLL_SECONDS = 0.25

COLUMNS: list[Column] = [
    ("id", lambda operation: operation.id),
    ("action", lambda operation: operation.action),
    ("state", lambda operation: operation.state),
    ("MATCHED", lambda operation: operation.matched),
    ("DONE", lambda operation: operation.done),
    ("FAILED", lambda operation: operation.failed),
    ("created", lambda operation: when(operation.created_at)),
]


def _rows(operation: Operation) -> list[tuple[str, object]]:
    return [
        ("operation", operation.id),
        ("action", operation.action + (" (dry run)" if operation.dry_run else "")),
        ("state", operation.state),
        ("looked at", f"{operation.scanned:,}"),
        ("matched", f"{operation.matched:,}"),
        ("done", f"{operation.done:,}"),
        ("skipped", f"{operation.skipped:,}" if operation.skipped else None),
        ("failed", f"{operation.failed:,}" if operation.failed else None),
        ("error", operation.error),
    ]


@app.command("list", epilog="Example: queue operations list")
def list_(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List operations, the newest first."""
    emit_all(client_of(ctx).iter_operations(), output, COLUMNS, empty="no operation")


@app.command(epilog="Example: queue operations get 4f1c…")
def get(ctx: typer.Context, operation_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Show an operation and how far it is."""
    operation = client_of(ctx).get_operation(operation_id)
    emit(operation, output, _rows(operation))


@app.command(epilog="Example: queue operations stop 4f1c…")
def stop(ctx: typer.Context, operation_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Stop an operation; what it has done stays done."""
    operation = client_of(ctx).stop_operation(operation_id)
    emit(operation, output, _rows(operation))


def operate(
    client: QueueClient, action: str, wanted: Filter, *, rate: int | None, dry_run: bool,
    yes: bool, output: Output,
) -> None:  # fmt: skip
    """Start an operation, follow it with a bar, and show what it did."""
    if not (yes or dry_run):
        _confirm(client, action, wanted)
    given: dict[str, Any] = {"rate": rate} if rate is not None else {}
    operation = client.start_operation(action=action, filter=wanted, dry_run=dry_run, **given)
    operation = _follow(client, operation)
    emit(operation, output, _rows(operation))
    if operation.state == "failed" or operation.failed:
        raise typer.Exit(FAILED)


def _confirm(client: QueueClient, action: str, wanted: Filter) -> None:
    if not sys.stdin.isatty():
        raise CommandError("nobody is here to be asked: give --yes, or --dry-run to look", USAGE)
    found = client.start_operation(action=action, filter=wanted, dry_run=True)
    counted = _follow(client, found, "counting")
    typer.confirm(f"{action} {counted.matched:,} tasks?", abort=True, err=True)


def _follow(client: QueueClient, operation: Operation, what: str = "") -> Operation:
    try:
        with progress(what or operation.action, operation.matched or None) as show:
            while not operation.ended:
                time.sleep(POLL_SECONDS)
                operation = client.get_operation(operation.id)
                done = operation.done + operation.skipped + operation.failed
                show(operation.matched if operation.dry_run else done, operation.matched)
    except KeyboardInterrupt:
        note(f"it goes on in the background; to stop it: queue operations stop {operation.id}")
        raise typer.Exit(FAILED) from None
    return operation
