"""The command ``queue``: its commands are imported when they are called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENTRIES", "Group", "command"]


class Entry(NamedTuple):
    """A command, the module with its ``app``, and a line about it."""

    name: str
    module: str
    about: str


ENTRIES = [
    Entry("dev", "local.dev", "run everything on this machine"),
    Entry("send", "commands.send", "send a task, or a batch from a file or a pipe"),
    Entry("tail", "commands.tail", "watch attempts live"),
    Entry("listen", "commands.listen", "have a destination's deliveries come to this machine"),
    Entry("tasks", "commands.tasks", "list, get, attempts, cancel, run, replay"),
    Entry("dead", "commands.dead", "dead letters: groups, list, replay, delete"),
    Entry("operations", "commands.operations", "what runs in the background: list, get, stop"),
    Entry("lanes", "commands.lanes", "list, get, pause, resume, limit, purge"),
    Entry("stats", "commands.stats", "the overview: counts, Redis, workers"),
    Entry("retry-preview", "commands.retry_preview", "when a retry policy tries again"),
    Entry("verify", "local.verify", "check a signature; sign: make one"),
    Entry("sign", "local.sign", ""),
    Entry("export", "local.export", "tasks to a file; import: from a file"),
    Entry("import", "local.import_", ""),
    Entry("keys", "access.keys", "API keys; projects: limits, secrets; audit"),
    Entry("projects", "access.projects", ""),
    Entry("audit", "access.audit", ""),
    Entry("profiles", "local.profiles", "addresses and tokens under a name"),
    Entry("doctor", "local.doctor", "is everything well, and what to do if not"),
    Entry("open", "local.dashboard", "the dashboard in a browser"),
    Entry("completion", "local.completion", "for bash, zsh and fish"),
]
MODULES = {entry.name: entry.module for entry in ENTRIES}
HEAD = """\
Usage: queue [--url URL] [--token KEY] [--project NAME] [--profile NAME] COMMAND

Send HTTP requests later and reliably: queue send https://example.com/hook
"""
FOOT = """
Each command has --help with an example; listings take -o table|json|jsonl.
"""


class Group(TyperGroup):
    """Knows its commands by name, and imports one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the help."""
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None if there is none of this name."""
        if cmd_name not in MODULES:
            return None
        module = import_module(f".{MODULES[cmd_name]}", __package__)
        return typer.main.get_command(module.app)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write a help that fits one screen."""
        formatter.write("\n".join([HEAD, *_rows()]) + "\n" + FOOT)


def _rows() -> Iterator[str]:
    names: list[str] = []
    about = ""
    for entry in [*ENTRIES, Entry("", "", "end")]:
        if entry.about and names:
            yield f"  {', '.join(names):<24}{about}"
            names = []
        about = entry.about or about
        names.append(entry.name)


def command() -> Any:
    """Return the command, ready to be run."""
    typer.completion.completion_init()  # type: ignore[attr-defined]
    app = typer.Typer(
        cls=Group, add_completion=False, rich_markup_mode=None, no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback()(_root)
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"queue {version('queue-cli')}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(help="The API's address (QUEUE_URL).")] = None,
    token: Annotated[str | None, typer.Option(help="An API key (QUEUE_TOKEN).")] = None,
    project: Annotated[str | None, typer.Option(help="For admins (QUEUE_PROJECT).")] = None,
    profile: Annotated[str | None, typer.Option(help="See `queue profiles`.")] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print it."),
    ] = False,
) -> None:
    from .session import Session

    ctx.obj = Session(url, token, project, profile)
