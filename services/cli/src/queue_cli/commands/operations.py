"""``queue operations``, and what starts one and follows it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..apps import new_app
from ..asking import confirm, require_person
from ..failures import FAILED
from ..output import Column, Output, OutputOption, emit, emit_all, note
from ..output.progress import progress
from ..output.words import when
from ..session import client_of, of_all_projects

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
    emit_all(
        client_of(ctx).iter_operations(),
        output,
        of_all_projects(ctx, COLUMNS),
        empty="no operation",
    )


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
    total = None
    if not (yes or dry_run):
        require_person()
        total = _count(client, action, wanted)
        confirm(f"{action} {total:,} tasks?")
    elif sys.stderr.isatty() and not dry_run:
        # The operation itself counts as it goes: its bar would always be full.
        total = _count(client, action, wanted)
    given: dict[str, Any] = {"rate": rate} if rate is not None else {}
    operation = client.start_operation(action=action, filter=wanted, dry_run=dry_run, **given)
    operation = _follow(client, operation, total)
    emit(operation, output, _rows(operation))
    if operation.state == "failed" or operation.failed:
        raise typer.Exit(FAILED)


def _count(client: QueueClient, action: str, wanted: Filter) -> int:
    found = client.start_operation(action=action, filter=wanted, dry_run=True)
    return _follow(client, found, None).matched


def _follow(client: QueueClient, operation: Operation, total: int | None) -> Operation:
    """Wait for an operation's end; without a total the bar shows only that it moves."""
    what = "counting" if operation.dry_run else operation.action
    try:
        with progress(what, total) as show:
            while True:
                done = operation.done + operation.skipped + operation.failed
                counted = operation.matched if operation.dry_run else done
                show(counted, None if total is None else max(total, counted))
                if operation.ended:
                    return operation
                time.sleep(POLL_SECONDS)
                operation = client.get_operation(operation.id)
    except KeyboardInterrupt:
        note(f"it goes on in the background; to stop it: queue operations stop {operation.id}")
        raise
