"""``queue lanes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..apps import new_app
from ..asking import confirm, require_person
from ..failures import USAGE, CommandError
from ..limits import read_limits
from ..options import YesOption
from ..output import Column, Output, OutputOption, done, emit, emit_all
from ..output.words import age, count, when
from ..session import client_of

if TYPE_CHECKING:
    from queue_client import Lane

__all__ = ["app"]

app = new_app("Lanes: the queues of the destinations.")
LaneArgument = Annotated[str, typer.Argument(help="Such as hooks.example.com:443.")]

COLUMNS: list[Column] = [
    ("lane", lambda lane: lane.lane),
    ("state", lambda lane: "paused" if lane.paused else lane.health.state),
    ("WAITING", lambda lane: count(lane.waiting)),
    ("SCHEDULED", lambda lane: count(lane.scheduled)),
    ("ACTIVE", lambda lane: count(lane.active)),
    ("DEAD", lambda lane: count(lane.dead)),
    ("OLDEST", lambda lane: age(lane.oldest_age_seconds)),
    ("last", lambda lane: lane.recent.last_status_code or lane.recent.last_outcome),
    ("limits", lambda lane: _limits(lane)),
]


def _limits(lane: Lane) -> str:
    limits = lane.limits
    parts = [
        f"{limits.concurrency} at a time" if limits.concurrency is not None else "",
        f"{limits.rate:g}/s" if limits.rate is not None else "",
        f"burst {limits.burst}" if limits.burst is not None else "",
    ]
    return ", ".join(filter(None, parts))


def _show(lane: Lane, output: Output) -> None:
    probe = lane.health.next_probe_at
    emit(lane, output, [
        ("lane", lane.lane),
        ("state", "paused" if lane.paused else lane.health.state),
        ("next probe", when(probe)),
        ("waiting", count(lane.waiting)),
        ("scheduled", count(lane.scheduled)),
        ("active", count(lane.active)),
        ("dead", count(lane.dead)),
        ("oldest", age(lane.oldest_age_seconds)),
        ("limits", _limits(lane)),
        ("recent", f"{lane.recent.delivered:,} delivered, {lane.recent.failed:,} failed"),
    ])  # fmt: skip


@app.command("list", epilog="Example: queue lanes list --sort trouble")
def list_(
    ctx: typer.Context,
    sort: Annotated[str, typer.Option(help="trouble or name.")] = "trouble",
    prefix: Annotated[str | None, typer.Option(help="What the name begins with.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the lanes with tasks to be done, or limits, those in trouble first."""
    found = client_of(ctx).iter_lanes(sort=sort, prefix=prefix)
    empty = "no lane has tasks to be done; dead letters: `queue dead groups`"
    emit_all(found, output, COLUMNS, empty=empty)


@app.command(epilog="Example: queue lanes get hooks.example.com:443")
def get(ctx: typer.Context, lane: LaneArgument, output: OutputOption = Output.TABLE) -> None:
    """Show one lane."""
    _show(client_of(ctx).get_lane(lane), output)


@app.command(epilog="Example: queue lanes pause hooks.example.com:443")
def pause(ctx: typer.Context, lane: LaneArgument, output: OutputOption = Output.TABLE) -> None:
    """Start no further attempts; tasks are accepted and wait."""
    _show(client_of(ctx).pause_lane(lane), output)


@app.command(epilog="Example: queue lanes resume hooks.example.com:443")
def resume(ctx: typer.Context, lane: LaneArgument, output: OutputOption = Output.TABLE) -> None:
    """Go on with a paused lane."""
    _show(client_of(ctx).resume_lane(lane), output)


@app.command(epilog="Example: queue lanes limit hooks.example.com:443 --concurrency 5 --rate none")
def limit(
    ctx: typer.Context,
    lane: LaneArgument,
    concurrency: Annotated[str | None, typer.Option(help="At a time; none removes it.")] = None,
    rate: Annotated[str | None, typer.Option(help="Attempts a second; none removes it.")] = None,
    burst: Annotated[str | None, typer.Option(help="At once; none removes it.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Limit a lane; what is not given stays as it is."""
    from msgspec.structs import asdict

    given = {"concurrency": (concurrency, int), "rate": (rate, float), "burst": (burst, int)}
    changes = read_limits(given)
    if not changes:
        raise CommandError("give at least one of --concurrency, --rate and --burst", USAGE)
    client = client_of(ctx)
    kept: dict[str, Any] = asdict(client.get_lane(lane).limits)
    limits = {**kept, **changes}
    if limits["rate"] is None and "burst" not in changes:
        limits["burst"] = None  # it goes with the rate
    _show(client.set_lane(lane, **limits), output)


@app.command(epilog="Example: queue lanes purge hooks.example.com:443 --yes")
def purge(
    ctx: typer.Context,
    lane: LaneArgument,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Cancel all that waits in a lane."""
    client = client_of(ctx)
    if not yes:
        require_person()
        confirm(f"cancel {client.get_lane(lane).waiting:,} tasks of {lane}?")
    purged, more = 0, True
    while more:
        answer = client.purge_lane(lane)
        purged, more = purged + answer.purged, answer.more
    done({"lane": lane, "purged": purged}, output, f"{purged:,} tasks of {lane} are cancelled")
