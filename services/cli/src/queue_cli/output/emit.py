"""Writes results: tables for people, JSON for programs; nothing else is on standard output."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .words import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

__all__ = [
    "Column", "Output", "OutputOption", "StreamOption", "console", "done", "emit", "emit_all",
    "note",
]  # fmt: skip

WIDTH_OF_A_PIPE = 1000
"""A table that no terminal shows is as wide as it needs to be."""


class Output(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


OutputOption = Annotated[
    Output, typer.Option("-o", "--output", help="table, json, or jsonl: an object a line.")
]
StreamOption = Annotated[
    Output, typer.Option("-o", "--output", help="table, or jsonl: an object a line; json is too.")
]
"""Of a command that has no end of its own: there is no array of all."""
Column = tuple[str, "Callable[[Any], object]"]
"""A heading and what stands below it for a row."""


def console(*, stderr: bool = False) -> Console:
    """Return a console for people, with colours if a terminal shows them."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_OF_A_PIPE
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def note(text: str) -> None:
    """Tell people something beside the data."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def emit(value: Any, output: Output, rows: Sequence[tuple[str, object]]) -> None:
    """Write one result; for people as names and values, those without a value left out."""
    if output is not Output.TABLE:
        _write_json(value, indent=output is Output.JSON)
        return
    from .table import print_rows

    print_rows(console(), [(name, _cell(shown)) for name, shown in rows if shown not in {None, ""}])


def done(value: dict[str, Any], output: Output, sentence: str) -> None:
    """Tell that something was done: people by a sentence, programs by an object."""
    if output is Output.TABLE:
        note(sentence)
    else:
        _write_json(value, indent=output is Output.JSON)


def emit_all(
    values: Iterable[Any], output: Output, columns: Sequence[Column], *, empty: str = "nothing"
) -> None:
    """Write a list: a table, a JSON array, or a line each as they come."""
    if output is Output.JSONL:
        for value in values:
            _write_json(value, indent=False)
        return
    found = list(values)
    if output is Output.JSON:
        _write_json(found, indent=True)
    elif not found:
        note(empty)
    else:
        _write_table(found, columns)


def _write_table(values: Sequence[Any], columns: Sequence[Column]) -> None:
    from .table import print_table

    rows = [[_cell(shown(value)) for _, shown in columns] for value in values]
    print_table(console(), [heading for heading, _ in columns], rows)


def _write_json(value: Any, *, indent: bool) -> None:
    import msgspec

    text = msgspec.json.encode(value)
    if indent:
        text = msgspec.json.format(text, indent=2)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.flush()


def _cell(value: object) -> Any:
    from rich.text import Text

    text = "" if value is None else printable(str(value))
    return Text(text, style=STYLES.get(text, ""))


STYLES = {
    "delivered": "green", "dead": "red", "cancelled": "dim", "active": "cyan",
    "scheduled": "yellow", "unhealthy": "red", "paused": "yellow", "failed": "red", "done": "green",
}  # fmt: skip
