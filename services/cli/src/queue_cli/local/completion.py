"""``queue completion``."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from ..apps import new_app

__all__ = ["app"]

app = new_app()


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(epilog="Example: echo 'eval \"$(queue completion bash)\"' >> ~/.bashrc")
def completion(shell: Annotated[Shell, typer.Argument(help="The shell you use.")]) -> None:
    """Print a script that completes commands and options."""
    from typer import completion as shells

    script = shells.get_completion_script(  # type: ignore[attr-defined]
        prog_name="queue", complete_var="_QUEUE_COMPLETE", shell=shell.value
    )
    sys.stdout.write(script + "\n")
