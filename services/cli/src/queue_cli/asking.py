"""Asks before what cannot be taken back."""

from __future__ import annotations

import sys

import typer

from .failures import FAILED, USAGE, CommandError

__all__ = ["confirm", "require_person"]


def require_person() -> None:
    """Raise CommandError if nobody is there to be asked."""
    if not sys.stdin.isatty():
        raise CommandError("nobody is here to be asked: give --yes", USAGE)


def confirm(question: str) -> None:
    """Ask; raises CommandError if the answer is no."""
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was done", FAILED)
