"""``queue tasks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..apps import new_app
from ..output import Column, Output, OutputOption, emit, emit_all, note
from ..output.words import bytes_, duration, when
from ..session import client_of, of_all_projects

if TYPE_CHECKING:
    from queue_client import Attempt, AttemptStatus, TaskStatus

__all__ = ["COLUMNS", "app", "rows"]

app = new_app("Look at tasks and act on them.")
IdArgument = Annotated[str, typer.Argument(metavar="TASK_ID")]
ReplayHeaderOption = Annotated[
    list[str] | None,
    typer.Option(
        "-H", "--header", metavar="'NAME: VALUE'",
        help="In place of all old ones, but the Content-Type of a body that stays.",
    ),
]  # fmt: skip

COLUMNS: list[Column] = [
    ("id", lambda task: task.id),
    ("state", lambda task: task.state),
    ("TRIES", lambda task: task.attempts),
    ("last", lambda task: _how(task.last_attempt)),
    ("created", lambda task: when(task.created_at)),
    ("next", lambda task: when(task.next_attempt_at) if not task.settled else ""),
    ("url", lambda task: f"{task.method} {task.url}"),
]
ATTEMPT_COLUMNS: list[Column] = [
    ("NO", lambda attempt: attempt.number),
    ("started", lambda attempt: when(attempt.started_at)),
    ("TOOK", lambda attempt: duration(attempt.duration_ms / 1000)),
    ("how", lambda attempt: _how(attempt)),
    ("address", lambda attempt: attempt.address),
    ("what", lambda attempt: attempt.error or attempt.response_excerpt),
]


def rows(task: TaskStatus) -> list[tuple[str, object]]:
    """Return what people see of a task."""
    last = task.last_attempt
    request = task.request
    return [
        ("task", task.id),
        ("state", "cancel requested" if task.cancel_requested and not task.settled else task.state),
        ("request", f"{task.method} {request.url if request else task.url}"),
        ("unreadable", task.request_error),
        ("lane", task.lane),
        ("attempts", task.attempts),
        ("last", f"{_how(last)}, {when(last.started_at)}" if last else None),
        ("error", last.error if last else None),
        ("next", when(task.next_attempt_at) if not task.settled else None),
        ("created", when(task.created_at)),
        ("ended", when(task.finished_at)),
        ("gives up", when(task.deadline_at) if not task.settled else None),
        ("labels", ", ".join(f"{key}={value}" for key, value in task.labels.items())),
        ("replay of", task.replay_of),
        ("callback of", task.callback_of),
        ("replays", ", ".join(task.replays)),
        ("size", bytes_(task.size_bytes)),
        ("trace", task.trace_url or task.trace_id),
        ("headers", "\n".join(f"{n}: {v}" for n, v in request.headers.items()) if request else ""),
        ("body", request.body if request else None),
    ]


def _how(attempt: AttemptStatus | Attempt | None) -> str:
    return "" if attempt is None else str(attempt.status_code or attempt.outcome)


@app.command("list", epilog="Example: queue tasks list --state dead --lane hooks.example.com:443")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="scheduled, queued, active, dead, …")] = None,
    lane: options.LaneOption = None,
    label: options.LabelOption = None,
    url_prefix: Annotated[str | None, typer.Option(help="What the URL begins with.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Of the last attempt: timeout, …")] = None,
    status: Annotated[int | None, typer.Option(help="Of the last response: 503, …")] = None,
    after: Annotated[str | None, typer.Option(help="Created after: a time, or 2h.")] = None,
    before: Annotated[str | None, typer.Option(help="Created before: a time, or 2h.")] = None,
    limit: Annotated[int, typer.Option(help="0: all.", min=0)] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List tasks; conditions must all hold."""
    found = client_of(ctx).iter_tasks(
        state=state, lane=lane, label=options.read_labels(label), url_prefix=url_prefix,
        outcome=outcome, status_code=status, created_after=options.read_time(after),
        created_before=options.read_time(before), limit=min(limit, 1000) or 1000,
    )  # fmt: skip
    emit_all(_first(found, limit), output, of_all_projects(ctx, COLUMNS), empty="no such task")


def _first(found: Any, limit: int) -> Any:
    for number, task in enumerate(found, 1):
        yield task
        if number == limit:
            note(f"the first {limit}; --limit 0 shows all")
            return


@app.command(epilog="Example: queue tasks get 01a20d94-4598-77ff-aa01-ede0158d74bc")
def get(ctx: typer.Context, task_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a task; with the right to manage, its request too."""
    task = client_of(ctx).get_task(task_id)
    emit(task, output, rows(task))


@app.command(epilog="Example: queue tasks attempts 01a20d94-4598-77ff-aa01-ede0158d74bc")
def attempts(ctx: typer.Context, task_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Show the last attempts of a task."""
    found = client_of(ctx).list_attempts(task_id).attempts
    emit_all(found, output, ATTEMPT_COLUMNS, empty="no attempt yet")


@app.command(epilog="Example: queue tasks cancel 01a20d94-4598-77ff-aa01-ede0158d74bc")
def cancel(ctx: typer.Context, task_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Cancel a task; one that is active ends with its attempt."""
    task = client_of(ctx).cancel_task(task_id)
    emit(task, output, rows(task))


@app.command(epilog="Example: queue tasks run 01a20d94-4598-77ff-aa01-ede0158d74bc")
def run(ctx: typer.Context, task_id: IdArgument, output: OutputOption = Output.TABLE) -> None:
    """Try a scheduled or dead task now, before the others of its lane."""
    task = client_of(ctx).run_task(task_id)
    emit(task, output, rows(task))


@app.command(epilog="Example: queue tasks replay 01a20d94-… --url https://example.com/v2/hook")
def replay(
    ctx: typer.Context,
    task_id: IdArgument,
    url: Annotated[str | None, typer.Option(help="In place of the old.")] = None,
    method: Annotated[str | None, typer.Option("-X", "--method", help="In place of it.")] = None,
    header: ReplayHeaderOption = None,
    data: options.DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send a task's request again as a new task, with what is given in place of the old."""
    changes: dict[str, Any] = {
        "url": url, "method": method, "body": options.read_body(data),
        "headers": options.read_headers(header) if header else None,
    }  # fmt: skip
    given = {name: value for name, value in changes.items() if value is not None}
    new = client_of(ctx).replay_task(task_id, **given)
    emit(new, output, [("task", new.task_id), ("replay of", new.replay_of)])
