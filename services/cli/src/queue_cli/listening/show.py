"""What ``queue listen`` shows: a line a delivery, and one of them in full."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from ..output import Output, console, note
from ..output.words import duration, printable, when

if TYPE_CHECKING:
    from queue_client import ListenerResult

    from .forward import Forwarded

__all__ = ["show_delivery", "show_line"]

MAX_SHOWN = 2000


def show_line(done: Forwarded, result: ListenerResult | None, output: Output) -> None:
    """Write a line about a delivery; without a result it was a repetition."""
    if output is not Output.TABLE:
        told = {
            "at": done.at, "task_id": done.delivery.task_id, "attempt": done.delivery.attempt,
            "method": done.delivery.method, "url": done.delivery.url.partition("?")[0],
            "status_code": done.status_code, "error": done.error, "duration_ms": done.duration_ms,
            "state": result.state if result else None,
        }  # fmt: skip
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        sys.stdout.flush()
        return
    delivery = done.delivery
    state = "repeated" if result is None else result.state
    if result is not None and result.next_attempt_at is not None:
        state += f", next {when(result.next_attempt_at)}"
    parts = [
        done.at.astimezone().strftime("%H:%M:%S"), f"{done.status_code or 'error':>5}",
        f"{duration(done.duration_ms / 1000):>7}", f"#{delivery.attempt}", delivery.method,
        delivery.url.partition("?")[0], delivery.task_id, state, done.error or "",
    ]  # fmt: skip
    good = done.status_code is not None and done.status_code < 300
    line = Text(printable("  ".join(filter(None, parts))), style="green" if good else "yellow")
    console().print(line, soft_wrap=True)


def show_delivery(done: Forwarded) -> None:
    """Write a delivery and its response in full."""
    delivery = done.delivery
    lines = [f"{delivery.method} {delivery.url}"]
    lines += [f"{name}: {value}" for name, value in delivery.headers.items()]
    body = msgspec.json.decode(f'"{delivery.body_base64 or ""}"'.encode(), type=bytes)
    lines += ["", body[:MAX_SHOWN].decode(errors="replace"), ""]
    lines += [f"-> {done.status_code or done.error}"]
    lines += [f"{name}: {value}" for name, value in (done.headers or {}).items()]
    lines += ["", done.body[:MAX_SHOWN].decode(errors="replace")]
    note("\n".join(lines))
