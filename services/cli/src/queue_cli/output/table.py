"""Tables that fit: what is wide is folded, what can be missed is left out, ids stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

__all__ = ["print_rows", "print_table"]

GAP = 2
MIN_FOLDED = 16
"""Columns of a terminal that a text to be folded has at least."""
FOLDED = frozenset({
    "advice", "address", "allowed", "error", "found", "scopes", "target", "token", "url",
    "what", "what to do",
})  # fmt: skip
"""Headings of what may be broken over lines."""


def print_rows(out: Console, rows: Sequence[tuple[str, Text]]) -> None:
    """Write names and values beside each other; below each other if that would break an id."""
    from rich.table import Table
    from rich.text import Text

    left = out.width - max((len(name) for name, _ in rows), default=0) - 1
    if any(left < width <= out.width for _, cell in rows for width in _words(cell)):
        for name, cell in rows:
            beside = len(name) + GAP + _width(cell) <= out.width
            out.print(Text(name, style="bold"), cell, sep="  " if beside else "\n")
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, cell in rows:
        table.add_row(name, cell)
    out.print(table)


def print_table(out: Console, headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """Write a table; on a terminal that is too narrow for half of it, each row as a block."""
    shown = _chosen(headings, rows, out.width)
    if len(shown) * 2 < len(headings):
        for row in rows:
            named = [(h.lower(), cell) for h, cell in zip(headings, row, strict=True) if cell.plain]
            print_rows(out, named)
            out.print()
        return
    out.print(_table([headings[i] for i in shown], [[row[i] for i in shown] for row in rows]))


def _chosen(headings: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> list[int]:
    """Return the columns that fit: the last that can be missed goes first."""
    needed = [_needed(heading, [row[i] for row in rows]) for i, heading in enumerate(headings)]
    shown = [*range(len(headings))]
    missable = [i for i in shown[1:] if headings[i] not in FOLDED]
    while missable and sum(needed[i] + GAP for i in shown) - GAP > width:
        shown.remove(missable.pop())
    fits = sum(needed[i] + GAP for i in shown) - GAP <= width
    return shown if fits else []


def _needed(heading: str, cells: Sequence[Text]) -> int:
    most = max(len(heading), *(_width(cell) for cell in cells))
    return min(most, MIN_FOLDED) if heading in FOLDED else most


def _width(cell: Text) -> int:
    return max((len(line) for line in cell.plain.split("\n")), default=0)


def _words(cell: Text) -> list[int]:
    return [len(word) for word in cell.plain.split()]


def _table(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        folded = heading in FOLDED
        table.add_column(
            heading.lower(), justify="right" if heading.isupper() else "left", overflow="fold",
            no_wrap=not folded,
        )  # fmt: skip
    for row in rows:
        table.add_row(*row)
    return table
