"""``queue doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from ..apps import new_app
from ..failures import FAILED, UNAVAILABLE, describe
from ..output import Column, Output, OutputOption, emit_all
from ..output.words import bytes_, duration
from ..session import session_of

if TYPE_CHECKING:
    from queue_client import QueueClient, Stats

__all__ = ["app"]

app = new_app()
MAX_CLOCK_SECONDS = 2.0
MAX_WAITING_SECONDS = 60.0
MAX_MEMORY = 0.8


class Finding(NamedTuple):
    """What was looked at."""

    check: str
    state: str
    """ok, warning or failed."""
    found: str
    advice: str = ""


COLUMNS: list[Column] = [
    ("check", lambda finding: finding.check),
    ("state", lambda finding: finding.state),
    ("found", lambda finding: finding.found),
    ("what to do", lambda finding: finding.advice),
]


@app.command(epilog="Example: queue --profile prod doctor")
def doctor(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Look whether everything is well: reachability, rights, durability, memory, clock, workers.

    Exit code 0 if nothing failed, 1 if something did, 4 if the API does not answer.
    """
    session = session_of(ctx)
    findings = list(_findings(session.client, session.client.connection.base_url))
    written = (
        [finding._asdict() for finding in findings] if output is not Output.TABLE else findings
    )
    emit_all(written, output, COLUMNS)
    states = [finding.state for finding in findings]
    if findings[0].state == "failed":
        raise typer.Exit(UNAVAILABLE)
    if "failed" in states:
        raise typer.Exit(FAILED)


def _findings(client: QueueClient, url: str) -> Iterator[Finding]:
    from queue_client import QueueClientError

    try:
        client.health()
    except QueueClientError as error:
        yield Finding("reachable", "failed", *_split(describe(error)[0]))
        return
    yield Finding("reachable", "ok", url)
    for check in (_versions, _rights, _redis, _overview):
        try:
            yield from check(client)
        except QueueClientError as error:
            yield Finding(check.__name__.strip("_"), "failed", *_split(describe(error)[0]))


def _split(sentence: str) -> tuple[str, str]:
    found, _, advice = sentence.rpartition(": ")
    return (found, advice) if found else (sentence, "")


def _versions(client: QueueClient) -> Iterator[Finding]:
    from importlib.metadata import version

    api, own = str(client.version().get("version", "?")), version("queue-cli")
    same = api.split(".")[:2] == own.split(".")[:2]
    yield Finding(
        "versions", "ok" if same else "warning", f"API {api}, queue {own}",
        "" if same else "install the queue-cli of the API's version",
    )  # fmt: skip


def _rights(client: QueueClient) -> Iterator[Finding]:
    me = client.me()
    if me.auth == "off":
        yield Finding("rights", "warning", "the API asks for no key",
                      "set API_ROOT_KEY where others reach it")  # fmt: skip
    else:
        yield Finding("rights", "ok", f"project {me.project}: {', '.join(me.scopes)}")


def _redis(client: QueueClient) -> Iterator[Finding]:
    ready = client.ready()
    yield Finding("redis", "ok", _durability(ready))


def _durability(ready: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value}" for key, value in ready.items() if not isinstance(value, dict)
    )


def _overview(client: QueueClient) -> Iterator[Finding]:
    before = datetime.now(UTC)
    stats = client.stats()
    after = datetime.now(UTC)
    yield _clock(max((stats.at - after).total_seconds(), (before - stats.at).total_seconds(), 0))
    for warning in stats.redis.warnings:
        yield Finding("durability", "failed", warning, "see docs/operations.md")
    yield from _memory(stats)
    yield from _work(stats)


def _clock(apart: float) -> Finding:
    if apart > MAX_CLOCK_SECONDS:
        return Finding("clock", "failed", f"{duration(apart)} apart",
                       "signatures and schedules go by it: run NTP on both")  # fmt: skip
    return Finding("clock", "ok", f"within {duration(MAX_CLOCK_SECONDS)}")


def _memory(stats: Stats) -> Iterator[Finding]:
    used, most = stats.redis.used_memory_bytes, stats.redis.max_memory_bytes
    if used and most:
        full = used / most > MAX_MEMORY
        yield Finding("memory", "failed" if full else "ok", f"{bytes_(used)} of {bytes_(most)}",
                      "raise maxmemory, or let workers catch up" if full else "")  # fmt: skip


def _work(stats: Stats) -> Iterator[Finding]:
    now = stats.now
    if not now.workers:
        yield Finding("workers", "failed", "none", "start queue-worker: nothing is delivered")
    else:
        yield Finding("workers", "ok", str(now.workers))
    oldest = now.oldest_waiting_seconds or 0
    if oldest > MAX_WAITING_SECONDS:
        yield Finding("backlog", "warning", f"{now.waiting:,} wait, the oldest {duration(oldest)}",
                      "`queue lanes list` shows where")  # fmt: skip
    if now.unhealthy_lanes:
        yield Finding("lanes", "warning", f"{now.unhealthy_lanes:,} unhealthy",
                      "`queue lanes list --sort trouble`")  # fmt: skip
    if now.dead:
        yield Finding("dead letters", "warning", f"{now.dead:,}", "`queue dead groups`")
