"""``queue dead``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..apps import new_app
from ..failures import USAGE, CommandError
from ..output import Column, Output, OutputOption, done, emit_all
from ..output.words import count, when
from ..session import client_of, of_all_projects
from .operations import operate
from .tasks import COLUMNS as TASK_COLUMNS

if TYPE_CHECKING:
    from queue_client import Filter

__all__ = ["app"]

app = new_app("Dead letters: tasks that were given up.")
OutcomeOption = Annotated[str | None, typer.Option(help="http_error, timeout, dns_error, …")]
StatusOption = Annotated[int | None, typer.Option(help="Such as 503.")]
RateOption = Annotated[str | None, typer.Option(help="Tasks a second, such as 50/s.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only count.")]
PrefixOption = Annotated[str | None, typer.Option(help="What the URL begins with.")]
BESIDE_ID = {"task_id", "yes", "output"}
"""Parameters of ``delete`` that say nothing about which dead letters are meant, or how."""

GROUP_COLUMNS: list[Column] = [
    ("lane", lambda group: group.lane),
    ("outcome", lambda group: group.status_code or group.outcome),
    ("COUNT", lambda group: count(group.count)),
    ("first", lambda group: when(group.first_at)),
    ("last", lambda group: when(group.last_at)),
    ("example", lambda group: group.example_task_id),
    ("error", lambda group: group.example_error),
]


@app.command(epilog="Example: queue dead groups --lane hooks.example.com:443")
def groups(
    ctx: typer.Context, lane: options.LaneOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Group dead letters by lane and outcome."""
    found = client_of(ctx).iter_dead_letter_groups(lane=lane)
    emit_all(found, output, of_all_projects(ctx, GROUP_COLUMNS), empty="no dead letters")


@app.command("list", epilog="Example: queue dead list --outcome timeout -o jsonl")
def list_(
    ctx: typer.Context,
    lane: options.LaneOption = None,
    outcome: OutcomeOption = None,
    status: StatusOption = None,
    label: options.LabelOption = None,
    url_prefix: PrefixOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters."""
    found = client_of(ctx).iter_tasks(
        state="dead", lane=lane, outcome=outcome, status_code=status,
        label=options.read_labels(label), url_prefix=url_prefix,
    )  # fmt: skip
    emit_all(found, output, of_all_projects(ctx, TASK_COLUMNS), empty="no dead letters")


@app.command(epilog="Example: queue dead replay --lane hooks.example.com:443 --rate 50/s")
def replay(
    ctx: typer.Context,
    lane: options.LaneOption = None,
    outcome: OutcomeOption = None,
    status: StatusOption = None,
    label: options.LabelOption = None,
    url_prefix: PrefixOption = None,
    rate: RateOption = None,
    dry_run: DryRunOption = False,
    yes: options.YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send dead letters again, as new tasks, in the background."""
    wanted = _filter(lane, outcome, status, label, url_prefix)
    operate(
        client_of(ctx), "replay", wanted, rate=options.read_rate(rate), dry_run=dry_run, yes=yes,
        output=output,
    )  # fmt: skip


@app.command(epilog="Example: queue dead delete --outcome egress_refused --dry-run")
def delete(
    ctx: typer.Context,
    task_id: Annotated[str | None, typer.Argument(help="One; else all of the filter.")] = None,
    lane: options.LaneOption = None,
    outcome: OutcomeOption = None,
    status: StatusOption = None,
    label: options.LabelOption = None,
    url_prefix: PrefixOption = None,
    rate: RateOption = None,
    dry_run: DryRunOption = False,
    yes: options.YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Delete dead letters for good."""
    if task_id is not None:
        _require_alone(ctx)
        client_of(ctx).delete_dead_letter(task_id)
        done({"task_id": task_id, "deleted": True}, output, f"deleted {task_id}")
        return
    wanted = _filter(lane, outcome, status, label, url_prefix)
    operate(
        client_of(ctx), "delete", wanted, rate=options.read_rate(rate), dry_run=dry_run, yes=yes,
        output=output,
    )  # fmt: skip


def _require_alone(ctx: typer.Context) -> None:
    """Refuse what would be ignored beside an id: a dry run that deletes cannot be taken back."""
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in BESIDE_ID and _is_given(ctx, parameter.name or "")
    ]
    if given:
        names = ", ".join(given)
        raise CommandError(f"a dead letter named by its id takes no {names}", USAGE)


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _filter(
    lane: str | None, outcome: str | None, status: int | None, label: list[str] | None,
    url_prefix: str | None,
) -> Filter:  # fmt: skip
    from queue_client import Filter

    return Filter(
        state="dead", lane=lane, outcome=outcome, status_code=status,
        label=options.read_labels(label), url_prefix=url_prefix,
    )  # fmt: skip
