"""What all processes do with their command line: they are set by variables, and explain those."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import durationpy
from pydantic import ByteSize, ValidationError
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .groups import Settings

__all__ = ["load", "read_command_line"]

SettingsT = TypeVar("SettingsT", bound="Settings")
_MAX_DAYS = re.compile(r"less than or equal to datetime\.timedelta\(days=(\d+)\)")
HELP = {"-h", "--help"}
WIDTH = 100


def read_command_line(kind: type[BaseSettings], about: str, arguments: Sequence[str]) -> None:
    """Return if there are no arguments. ``--help`` ends the process with 0, others with 2.

    ``about`` is the help's first line; the variables of ``kind`` follow with their docstrings.
    """
    if not arguments:
        return
    if HELP.isdisjoint(arguments):
        name = about.partition(":")[0]
        sys.stderr.write(
            f"{name}: unknown argument {arguments[0]!r}; `{name} --help` lists the variables\n"
        )
        sys.exit(2)
    sys.stdout.write(_help(kind, about))
    sys.exit(0)


def _help(kind: type[BaseSettings], about: str) -> str:
    docs = _docstrings(kind)
    parts = [f"{about}\n\nIt takes no arguments. Environment variables (and .env) set it:\n"]
    for name, field in kind.model_fields.items():
        text = " ".join(docs.get(name, "").replace("``", "").split())
        explained = textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
        parts.append(f"{name.upper()}{_default(field.default)}\n{explained}\n")
    return "\n".join(parts)


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        return f"={durationpy.to_str(value)}"
    if isinstance(value, ByteSize):
        return f"={value.human_readable()}".replace(".0", "")
    if isinstance(value, bool):
        return f"={str(value).lower()}"
    return f"={value}" if isinstance(value, str | int | float | Path) and value != "" else ""


def _docstrings(kind: type[BaseSettings]) -> dict[str, str]:
    """Return the docstrings of a class' fields and of those that it inherits.

    They are read from the source, which takes too long to do at each start.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not issubclass(base, BaseSettings) or base is BaseSettings:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
        for field, after in pairwise(definition.body):
            match field, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = text
    return found


def load(kind: type[SettingsT]) -> SettingsT:
    """Read the process' settings, or end it with exit code 2 and one line per error.

    A line names the variable, its value and what is allowed. Secrets are not shown.
    """
    try:
        return kind()
    except ValidationError as error:
        lines = [_explain(kind, dict(item)) for item in error.errors()]
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.exit(2)


def _explain(kind: type[Settings], error: dict[str, Any]) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    # pydantic names the bound as Python does; the variable is spelled as a duration.
    reason = reason.replace("datetime.timedelta(0)", "0s")
    reason = _MAX_DAYS.sub(lambda found: f"at most {24 * int(found[1])}h", reason)
    if not error["loc"]:
        return reason
    name = str(error["loc"][0])
    secret = "SecretStr" in str(kind.model_fields[name].annotation)
    shown = "" if secret else f"={error['input']!s}"
    return f"{name.upper()}{shown}: {reason[:1].lower()}{reason[1:]}"
