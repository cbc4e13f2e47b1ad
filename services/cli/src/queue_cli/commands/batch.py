"""``queue send --batch``: a file or a pipe of tasks."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..failures import FAILED, CommandError
from ..output import Output, emit_all, note
from ..output.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queue_client import BatchItem, QueueClient

__all__ = ["send_batch"]

CHUNK_SIZE = 2000
SHOWN = 10


def send_batch(client: QueueClient, path: str, batch_id: str, output: Output) -> None:
    """Send the tasks of a file, a line each; tells what was refused."""
    source = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 - below
    again = f"queue send --batch {path} --resume {batch_id}"
    note(f"batch {batch_id}; if it is cut off: {again}")
    counts: Counter[str] = Counter()
    with source, progress("sending", _total(source)) as show:
        lines = (line.rstrip(b"\n") for line in source if not line.isspace())
        items = _counted(client.send_batch(lines, batch_id=batch_id, chunk_size=CHUNK_SIZE),
                         counts, show)  # fmt: skip
        if output is Output.TABLE:
            refused = [item for item in items if not item.accepted]
        else:
            emit_all(items, output, [])
            refused = []
    for item in refused[:SHOWN]:
        note(f"line {item.index + 1}: {item.problem.detail if item.problem else item.status}")
    known = (
        f"{counts['new'] + counts['known']:,} tasks are in the queue, {counts['new']:,} of them new"
    )
    note(known + (f"; {counts['refused']:,} refused" if counts["refused"] else ""))
    if counts["refused"]:
        msg = f"{counts['refused']:,} tasks were refused: mend these lines and send them again"
        raise CommandError(msg, FAILED)


def _counted(
    items: Iterator[BatchItem], counts: Counter[str], show: Callable[..., None]
) -> Iterator[BatchItem]:
    number = 0
    for number, item in enumerate(items, 1):
        counts["new" if item.status == 201 else "known" if item.accepted else "refused"] += 1
        if number % 500 == 0:
            show(number)
        yield item
    show(number)


def _total(source: BinaryIO) -> int | None:
    """Return the number of lines of a file; None for a pipe."""
    if not source.seekable():
        return None
    total = sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))
    source.seek(0)
    return total
