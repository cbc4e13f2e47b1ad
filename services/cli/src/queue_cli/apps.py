"""How each command's ``app`` is made."""

from __future__ import annotations

import typer

__all__ = ["new_app"]


def new_app(about: str | None = None) -> typer.Typer:
    """Return an app for one command; with ``about`` for a group of them.

    Its help is plain text: rich takes a tenth of a second to load.
    """
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, help=about, no_args_is_help=about is not None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
