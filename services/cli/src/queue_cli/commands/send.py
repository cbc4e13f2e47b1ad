"""``queue send``."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..apps import new_app
from ..failures import FAILED, USAGE, CommandError
from ..output import Output, OutputOption, emit, note
from ..session import client_of

if TYPE_CHECKING:
    from queue_client import QueueClient

__all__ = ["app"]

app = new_app()
JSON_HEADER = {"Content-Type": "application/json"}


@app.command(
    epilog="\b\nExamples:\n"
    "  queue send https://example.com/hook -d '{\"order\": 1}' --delay 5m --wait\n"
    "  queue send --batch tasks.ndjson",
)
def send(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Argument(help="Where the request goes.")] = None,
    method: Annotated[str | None, typer.Option("-X", "--method", help="POST.")] = None,
    header: options.HeaderOption = None,
    data: options.DataOption = None,
    delay: Annotated[str | None, typer.Option(help="Such as 5m or 1d12h.")] = None,
    at: Annotated[str | None, typer.Option(help="Such as 2026-12-24T18:00:00Z.")] = None,
    lane: options.LaneOption = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE")] = None,
    retry: options.RetryOption = None,
    timeout: Annotated[str | None, typer.Option(help="For one attempt, such as 10s.")] = None,
    success: Annotated[str | None, typer.Option(help="Such as 2xx+404.")] = None,
    key: Annotated[str | None, typer.Option(help="The idempotency key.")] = None,
    callback: Annotated[str | None, typer.Option(help="URL told of the task's end.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    wait_timeout: Annotated[float | None, typer.Option(help="Seconds; no limit.")] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="FILE", help="NDJSON, a task a line; - is the pipe.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a batch that was cut off.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send a task, or a batch of any size.

    Tasks of a batch have idempotency keys: sent again with --resume, none is doubled. With --wait
    the exit code is 0 if the task was delivered and 1 if it was not.
    """
    if (url is None) == (batch is None):
        raise CommandError("give either a URL or --batch FILE", USAGE)
    if batch is not None:
        from .batch import send_batch

        batch_id = resume or uuid.uuid4().hex[:12]
        again = f"queue send --batch {batch} --resume {batch_id}"
        note(f"batch {batch_id}; if it is cut off: {again}")
        send_batch(client_of(ctx), batch, batch_id, output)
        return
    if resume is not None:
        raise CommandError("--resume goes with --batch FILE", USAGE)
    from queue_client import Callback

    task = _fields(
        url=url, method=method, headers=options.read_headers(header), body=options.read_body(data),
        delay=delay, schedule_at=options.read_time(at), lane=lane, timeout=timeout,
        labels=dict(map(options.read_label, label)) if label else None,
        retry=options.read_retry(retry) if retry else None, idempotency_key=key,
        success=_statuses(success), callback=Callback(url=callback) if callback else None,
    )  # fmt: skip
    _send(client_of(ctx), task, output, wait=wait, wait_timeout=wait_timeout)


def _fields(**given: Any) -> dict[str, Any]:
    """Return what is sent; a body that is JSON has its content type unless a header says other."""
    body, headers = given["body"], given["headers"]
    if isinstance(body, str) and "content-type" not in {name.lower() for name in headers}:
        with suppress(ValueError):
            json.loads(body)
            given["headers"] = {**headers, **JSON_HEADER}
    return {name: value for name, value in given.items() if value not in (None, {})}


def _statuses(text: str | None) -> list[str | int] | None:
    return [int(s) if s.isdigit() else s for s in text.split("+")] if text else None


def _send(
    client: QueueClient,
    fields: dict[str, Any],
    output: Output,
    *,
    wait: bool,
    wait_timeout: float | None,
) -> None:
    created = client.send(**fields)
    if not wait:
        emit(created, output, [
            ("task", created.task_id), ("repeated", "yes" if created.repeated else None),
            ("trace", created.trace_url or created.trace_id),
        ])  # fmt: skip
        return
    from .follow import follow
    from .tasks import rows

    note(f"task {created.task_id} is in the queue")
    ended = follow(client, created.task_id, wait_timeout)
    emit(ended, output, rows(ended))
    if ended.state != "delivered":
        raise typer.Exit(FAILED)
