"""``queue stats``."""

from __future__ import annotations

import typer

from ..apps import new_app
from ..output import Output, OutputOption, emit
from ..output.words import age, bytes_, count
from ..session import client_of

__all__ = ["app"]

app = new_app()


@app.command(epilog="Example: queue stats -o json | jq .now.waiting")
def stats(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Show the overview: counts of now, Redis, and the last minute."""
    found = client_of(ctx).stats()
    now, redis = found.now, found.redis
    points = found.series["5s"].points[-12:] if "5s" in found.series else []
    emit(found, output, [
        ("waiting", count(now.waiting)),
        ("oldest", age(now.oldest_waiting_seconds)),
        ("scheduled", f"{now.scheduled:,} ({now.due:,} due)"),
        ("active", count(now.active)),
        ("dead", count(now.dead)),
        ("workers", count(now.workers)),
        ("lanes", count(now.lanes)),
        ("unhealthy", count(now.unhealthy_lanes) if now.unhealthy_lanes else None),
        ("last minute", f"{sum(p.accepted for p in points):,} accepted, "
                        f"{sum(p.delivered for p in points):,} delivered, "
                        f"{sum(p.failed for p in points):,} attempts failed"),
        ("durability", redis.durability),
        ("redis memory", _memory(redis.used_memory_bytes, redis.max_memory_bytes)),
        ("warnings", "\n".join(redis.warnings)),
    ])  # fmt: skip


def _memory(used: int | None, most: int | None) -> str:
    return f"{bytes_(used)} of {bytes_(most)}" if most else bytes_(used)
