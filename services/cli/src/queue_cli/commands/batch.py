"""``queue send --batch``: a file or a pipe of tasks."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..failures import FAILED, CommandError
from ..output import Output, emit_all, note
from ..output.progress import progress
from .batch_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queue_client import BatchItem, QueueClient

__all__ = ["send_batch"]

CHUNK_SIZE = 2000
SHOWN = 10


def send_batch(
    client: QueueClient, path: str, batch_id: str, output: Output, *,
    key_lines: Callable[[bytes], bytes] | None = None,
) -> None:  # fmt: skip
    """Send the tasks of a file, a line each; tells what was refused.

    ``key_lines`` may put idempotency keys into lines; the others have keys of the batch's id.
    """
    source = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 - below
    counts: Counter[str] = Counter()
    with source, progress("sending", _total(source)) as show:
        lines = Lines(source, path)
        tasks = map(key_lines, lines) if key_lines else lines
        items = client.send_batch(tasks, batch_id=batch_id, chunk_size=CHUNK_SIZE)
        noted = _noted(items, lines, counts, show)
        if output is Output.TABLE:
            for _ in noted:
                pass
        else:
            emit_all(noted, output, [])
    _sum_up(counts)


def _noted(
    items: Iterator[BatchItem], lines: Lines, counts: Counter[str], show: Callable[..., None]
) -> Iterator[BatchItem]:
    """Yield the answers; count them, and name the first lines that were refused."""
    number = 0
    for number, item in enumerate(items, 1):
        line = lines.answered()
        if item.status == 201:
            counts["new"] += 1
        elif item.accepted:
            counts["known"] += 1
        else:
            counts["refused"] += 1
            if counts["refused"] <= SHOWN:
                note(f"line {line}: {item.problem.sentence if item.problem else item.status}")
        if number % 500 == 0:
            show(number)
        yield item
    show(number)


def _sum_up(counts: Counter[str]) -> None:
    sent = counts["new"] + counts["known"]
    known = f"{sent:,} tasks are in the queue, {counts['new']:,} of them new"
    note(known + (f"; {counts['refused']:,} refused" if counts["refused"] else ""))
    if counts["refused"]:
        msg = f"{counts['refused']:,} tasks were refused: mend these lines and send them again"
        raise CommandError(msg, FAILED)


def _total(source: BinaryIO) -> int | None:
    """Return the number of lines of a file; None for a pipe."""
    if not source.seekable():
        return None
    total = sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))
    source.seek(0)
    return total
