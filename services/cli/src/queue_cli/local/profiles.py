"""``queue profiles``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..apps import new_app
from ..config import config_path, read_config, write_config
from ..failures import NOT_FOUND, USAGE, CommandError
from ..output import Column, Output, OutputOption, emit_all, note

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = ["app"]

app = new_app("Addresses and tokens under a name.")
NameArgument = Annotated[str, typer.Argument(help="Such as prod.")]
COLUMNS: list[Column] = [
    ("name", lambda profile: profile["name"]),
    ("in use", lambda profile: "yes" if profile["use"] else ""),
    ("url", lambda profile: profile["url"]),
    ("token", lambda profile: profile["token"]),
    ("project", lambda profile: profile["project"]),
]


@app.command("list", epilog="Example: queue profiles list")
def list_(output: OutputOption = Output.TABLE) -> None:
    """List profiles, without their tokens' secrets."""
    config = read_config()
    found = [
        {
            "name": name, "use": name == config.get("use"), "url": profile.get("url"),
            "token": _redacted(profile.get("token")), "project": profile.get("project"),
        }
        for name, profile in config.get("profiles", {}).items()
    ]  # fmt: skip
    emit_all(found, output, COLUMNS, empty="no profile: `queue profiles set NAME --url URL`")


def _redacted(token: str | None) -> str | None:
    return f"{token.rpartition('_')[0]}_…" if token else None


@app.command("set", epilog="Example: queue profiles set prod --url https://queue.example.com")
def set_(
    name: NameArgument,
    url: Annotated[str | None, typer.Option(help="The API's address.")] = None,
    token: Annotated[str | None, typer.Option(help="A key; - asks for it.")] = None,
    project: Annotated[str | None, typer.Option(help="For admins.")] = None,
    dashboard_url: Annotated[str | None, typer.Option(help="What `queue open` opens.")] = None,
) -> None:
    """Make or change a profile; the first one is used from then on."""
    import tomlkit

    if token == "-":  # noqa: S105 - no secret
        token = _ask_token()
    document = _document()
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    profile = profiles.setdefault(name, tomlkit.table())
    given = {"url": url, "token": token, "project": project, "dashboard_url": dashboard_url}
    profile.update({key: value for key, value in given.items() if value is not None})
    document.setdefault("use", name)
    _write(document)
    note(f"{name} is in {config_path()}")


def _ask_token() -> str:
    """Return what is typed, unseen, or the first line of a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt("token", hide_input=True, err=True))
    token = sys.stdin.readline().strip()
    if not token:
        raise CommandError("nobody is here to be asked, and the pipe has no token", USAGE)
    return token


@app.command(epilog="Example: queue profiles use prod")
def use(name: NameArgument) -> None:
    """Use a profile if no other is named."""
    document = _known(name)
    document["use"] = name
    _write(document)


@app.command(epilog="Example: queue profiles delete prod")
def delete(name: NameArgument) -> None:
    """Delete a profile."""
    document = _known(name)
    del document["profiles"][name]
    if document.get("use") == name:
        del document["use"]
    _write(document)


def _document() -> TOMLDocument:
    import tomlkit

    path = config_path()
    read_config()
    return tomlkit.parse(path.read_text()) if path.exists() else tomlkit.document()


def _known(name: str) -> TOMLDocument:
    document = _document()
    if name not in document.get("profiles", {}):
        msg = f"there is no profile {name!r}: `queue profiles list`"
        raise CommandError(msg, NOT_FOUND)
    return document


def _write(document: TOMLDocument) -> None:
    import tomlkit

    # What stands at the top has to come before the first table.
    used = document.get("use")
    if used is not None:
        rest = {key: value for key, value in document.items() if key != "use"}
        document = tomlkit.document()
        document["use"] = used
        document.update(rest)
    write_config(tomlkit.dumps(document))
