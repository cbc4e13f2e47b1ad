"""The command line: no arguments, but for ``--help``, which explains the variables."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

from .settings import DashboardSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["read_command_line"]

ABOUT = "queue-dashboard: web pages about tasks, lanes and keys, on top of the API."
HELP = {"-h", "--help"}
WIDTH = 100


def read_command_line(arguments: Sequence[str]) -> None:
    """Return if there are no arguments. ``--help`` ends the process with 0, others with 2."""
    if not arguments:
        return
    if HELP.isdisjoint(arguments):
        sys.exit(_unknown(arguments[0]))
    sys.stdout.write(
        f"{ABOUT}\n\nIt takes no arguments. Environment variables (and .env) set it:\n"
    )
    for name, text in _documented():
        default = DashboardSettings.model_fields[name].default
        sys.stdout.write(f"\n{name.upper()}{f'={default}' if default else ''}\n")
        plain = " ".join(text.replace("``", "").split())
        sys.stdout.write(f"{textwrap.indent(textwrap.fill(plain, WIDTH), '    ')}\n")
    sys.exit(0)


def _unknown(argument: str) -> int:
    sys.stderr.write(
        f"queue-dashboard: unknown argument {argument!r}; "
        "`queue-dashboard --help` lists the variables\n"
    )
    return 2


def _documented() -> Iterator[tuple[str, str]]:
    """Return each variable with its docstring, which only the source has."""
    (definition,) = ast.parse(inspect.getsource(DashboardSettings)).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
    for field, after in pairwise(definition.body):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, text
