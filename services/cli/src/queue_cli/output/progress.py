"""Progress of what takes a while; only a terminal sees it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .emit import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress"]


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show a bar on the standard error; yields what is told of the number done and of all."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), console=console(stderr=True),
        disable=not console(stderr=True).is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task(what, total=total, rate="")

        def show(done: int, of: int | None = None) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            rate = f"{done / elapsed:,.0f}/s" if elapsed >= 0.5 else ""
            bar.update(task, completed=done, total=total if of is None else of, rate=rate)

        yield show
