"""``queue tail``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..apps import new_app
from ..output import Output, StreamOption, console, emit_all, note
from ..output.words import duration, printable, when
from ..session import client_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queue_client import Event

__all__ = ["app"]

app = new_app()
ATTEMPTS = ["attempt.failed", "task.delivered", "task.dead"]
GAP = "some events may be missing before this"
STYLES = {
    "gap": "yellow",
    "task.delivered": "green",
    "attempt.failed": "yellow",
    "task.dead": "red",
}


@app.command(epilog="Example: queue tail --lane hooks.example.com:443 -o jsonl | jq .status_code")
def tail(
    ctx: typer.Context,
    lane: options.LaneOption = None,
    state: Annotated[str | None, typer.Option(help="delivered, dead, …")] = None,
    label: options.LabelOption = None,
    every: Annotated[bool, typer.Option("--all", help="Tasks accepted and lanes too.")] = False,
    since: Annotated[str | None, typer.Option(metavar="EVENT_ID", help="Go on after it.")] = None,
    output: StreamOption = Output.TABLE,
) -> None:
    """Watch attempts live, one a line; Ctrl-C ends it.

    --since goes on after an event's id, which -o jsonl shows. Events are kept for 10 minutes after
    the last watcher left; a line says so if some may be missing.
    """
    events = client_of(ctx).events(
        types=None if every else ATTEMPTS, lane=lane, state=state,
        label=options.read_labels(label), last_event_id=since,
    )  # fmt: skip
    try:
        note(f"watching {lane or 'all lanes'}; Ctrl-C ends")
        if output is Output.TABLE:
            _lines(events)
        else:
            emit_all(events, Output.JSONL, [])
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _lines(events: Iterable[Event]) -> None:
    from rich.text import Text

    out = console()
    for event in events:
        out.print(Text(_line(event), style=STYLES.get(event.type, "")), soft_wrap=True)


def _line(event: Event) -> str:
    at = event.at.astimezone().strftime("%H:%M:%S")
    if event.type == "gap":
        return f"{at}  {GAP}"
    took = duration(event.duration_ms / 1000) if event.duration_ms is not None else ""
    again = f"next {when(event.next_attempt_at)}" if event.next_attempt_at else ""
    what = event.status_code or event.outcome or event.count or ""
    parts = [
        at, f"{event.type.partition('.')[2]:<9}",
        f"{what!s:>3}", f"{took:>7}", f"#{event.attempt}" if event.attempt else "",
        event.url or event.lane or "", event.task_id or "", again,
    ]  # fmt: skip
    return printable("  ".join(part for part in parts if part))
