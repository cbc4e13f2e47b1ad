"""Runs the command; whatever ends it becomes an exit code."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from .root import command

__all__ = ["INTERRUPTED", "run"]

INTERRUPTED = 130


def run() -> int:
    """Run ``queue`` with the arguments of this process; return its exit code."""
    try:
        return int(command().main(prog_name="queue", standalone_mode=False) or 0)
    except TyperException as error:
        _say(_sentence(error))
        return error.exit_code
    except typer.Abort:
        sys.stderr.write("\n")
        return INTERRUPTED
    except Exception as error:
        # Loaded only here: the client takes longer than the help.
        from .failures import describe

        sentence, code = describe(error)
        _say(f"queue: {sentence}")
        return code


def _say(text: str) -> None:
    from .output import note

    note(text)


def _sentence(error: TyperException) -> str:
    """Return what is wrong with the call; a group without a command shows its help."""
    said = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None or said.startswith("Usage:"):
        return said if context else f"queue: {said}"
    return f"queue: {said.rstrip('.')}: see `{context.command_path} --help`"
