"""``queue export``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..apps import new_app
from ..output import note
from ..output.progress import progress
from ..session import client_of

if TYPE_CHECKING:
    from queue_client import Callback, NewTask, Retry, TaskStatus

__all__ = ["app"]

app = new_app()
MAX_DEADLINE_SECONDS = 30 * 86400.0
REDACTED = "[redacted]"
COMMON = ("jitter", "max_attempts", "on")
OF_STRATEGY = {
    "constant": ("interval",),
    "linear": ("interval", "max_interval"),
    "exponential": ("interval", "max_interval", "multiplier"),
    "schedule": ("delays",),
}
"""The fields that a retry policy may have."""


@app.command(epilog="Example: queue export --state dead > dead.ndjson && queue import dead.ndjson")
def export(
    ctx: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="delivered, dead, …; those to be done and the dead.")
    ] = None,
    lane: options.LaneOption = None,
    label: options.LabelOption = None,
    url_prefix: Annotated[str | None, typer.Option(help="What the URL begins with.")] = None,
) -> None:
    """Write tasks as NDJSON, a task a line, as `queue import` and `queue send --batch` read it.

    Without --state those that are to be done or dead: an import would send the others again. Needs
    the right to manage. The API redacts secret headers: those are left out, and told of.
    """
    import msgspec

    client = client_of(ctx)
    found = client.iter_tasks(
        state=state, lane=lane, label=options.read_labels(label), url_prefix=url_prefix, limit=1000
    )
    written = incomplete = 0
    with progress("exporting", None) as show:
        for listed in found:
            if state is None and listed.state in {"delivered", "cancelled"}:
                continue
            task, whole = _task_of(client.get_task(listed.id))
            if task is None:
                note(f"{listed.id} is left out: its request is not kept, or not shown, whole")
                continue
            incomplete += not whole
            sys.stdout.buffer.write(msgspec.json.encode(task) + b"\n")
            written += 1
            show(written)
    note(f"{written:,} tasks" + (f", {incomplete:,} without secret headers" if incomplete else ""))


def _task_of(task: TaskStatus) -> tuple[NewTask | None, bool]:
    from queue_client import NewTask

    request = task.request
    if request is None or request.truncated:
        return None, False
    headers = {name: value for name, value in request.headers.items() if value != REDACTED}
    given: dict[str, Any] = {"body": request.body} if request.body is not None else {}
    new = NewTask(
        request.url, request.method, headers or None, lane=task.lane, labels=task.labels or None,
        success=task.success, body_base64=request.body_base64, timeout=task.timeout_seconds,
        schedule_at=task.next_attempt_at if task.state == "scheduled" else None,
        retry=_retry_of(task), callback=_callback_of(task),
        # Imported twice, it is there once.
        idempotency_key=f"export-{task.id}", **given,
    )  # fmt: skip
    return new, len(headers) == len(request.headers)


def _callback_of(task: TaskStatus) -> Callback | None:
    """Return a task's callback as far as the API shows it: without query and headers."""
    from queue_client import Callback

    shown = task.callback
    return Callback(url=shown.url, on=shown.on or None) if shown else None


def _retry_of(task: TaskStatus) -> Retry | None:
    """Return a retry policy as it is sent; the API shows durations in seconds."""
    from queue_client import Retry

    shown = task.retry or {}
    deadline = _deadline_of(task)
    if not shown:
        return Retry(deadline=deadline) if deadline is not None else None
    strategy = shown.get("strategy") or "constant"
    names = (*OF_STRATEGY.get(strategy, ()), *COMMON)
    found = {name: shown.get(name, shown.get(f"{name}_seconds")) for name in names}
    return Retry(strategy=strategy, deadline=deadline, **found)


def _deadline_of(task: TaskStatus) -> float | None:
    """Return the seconds that a task has from its first attempt's due time."""
    first = task.next_attempt_at if task.state == "scheduled" and not task.attempts else None
    begin = first or task.created_at
    if task.deadline_at is None or begin is None:
        return None
    # The API tells times that may be a millisecond apart from what was given.
    seconds = round((task.deadline_at - begin).total_seconds(), 2)
    return min(seconds, MAX_DEADLINE_SECONDS)
