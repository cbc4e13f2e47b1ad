"""``queue projects``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..apps import new_app
from ..limits import read_limits
from ..output import Column, Output, OutputOption, done, emit, emit_all
from ..output.words import bytes_, count, when
from ..session import client_of

if TYPE_CHECKING:
    from queue_client import Project, QueueClient

__all__ = ["app"]

app = new_app("Projects: shares, limits, signing secrets.")
ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT")]
COLUMNS: list[Column] = [
    ("project", lambda project: project.project),
    ("WEIGHT", lambda project: project.weight),
    ("WAITING", lambda project: _of(project.use.waiting, project.limits.waiting)),
    ("STORED", lambda project: bytes_(project.use.stored_bytes)),
    ("IN FLIGHT", lambda project: _of(project.use.in_flight, project.limits.in_flight)),
    ("LANES", lambda project: _of(project.use.lanes, project.limits.lanes)),
    ("RATE", lambda project: count(project.limits.rate)),
]
SECRET_COLUMNS: list[Column] = [
    ("id", lambda secret: secret.id),
    ("created", lambda secret: when(secret.created_at)),
    ("readable", lambda secret: "yes" if secret.readable else "no: its encryption key is missing"),
]


def _of(used: int, limit: int | None) -> str:
    return f"{used:,}" if limit is None else f"{used:,} of {limit:,}"


def _show(project: Project, output: Output) -> None:
    emit(project, output, [(heading.lower(), show(project)) for heading, show in COLUMNS])


@app.command("list", epilog="Example: queue projects list")
def list_(ctx: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List projects with their use."""
    emit_all(client_of(ctx).list_projects().projects, output, COLUMNS, empty="no projects")


@app.command(epilog="Example: queue projects get shop")
def get(ctx: typer.Context, project: ProjectArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a project."""
    _show(client_of(ctx).get_project(project), output)


@app.command("set", epilog="Example: queue projects set shop --weight 5 --rate 100 --waiting 10000")
def set_(
    ctx: typer.Context,
    project: ProjectArgument,
    weight: Annotated[int | None, typer.Option(help="1 to 100: its share of workers.")] = None,
    rate: Annotated[str | None, typer.Option(help="Tasks a second.")] = None,
    burst: Annotated[str | None, typer.Option(help="Tasks at once.")] = None,
    waiting: Annotated[str | None, typer.Option(help="Tasks that wait.")] = None,
    stored_bytes: Annotated[str | None, typer.Option(help="Of all its tasks.")] = None,
    in_flight: Annotated[str | None, typer.Option(help="Requests at a time.")] = None,
    lanes: Annotated[str | None, typer.Option(help="Lanes with tasks.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make or change a project; what is not given stays as it is, none removes a limit."""
    given = {
        "rate": (rate, float), "burst": (burst, int), "waiting": (waiting, int),
        "stored_bytes": (stored_bytes, int), "in_flight": (in_flight, int), "lanes": (lanes, int),
    }  # fmt: skip
    changes = read_limits(given)
    client = client_of(ctx)
    known = _known(client, project)
    from msgspec.structs import replace

    limits = replace(known.limits, **changes)
    _show(client.set_project(project, weight=weight or known.weight, limits=limits), output)


def _known(client: QueueClient, project: str) -> Project:
    """Return a project, or what a new one begins with."""
    from queue_client import NotFoundError, Project

    try:
        return client.get_project(project)
    except NotFoundError:
        return Project(project)


@app.command(epilog="Example: queue projects delete shop")
def delete(
    ctx: typer.Context, project: ProjectArgument, output: OutputOption = Output.TABLE
) -> None:
    """Delete a project."""
    client_of(ctx).delete_project(project)
    done({"project": project, "deleted": True}, output, f"{project} is deleted")


@app.command(epilog="Example: queue projects secrets shop")
def secrets(
    ctx: typer.Context, project: ProjectArgument, output: OutputOption = Output.TABLE
) -> None:
    """List signing secrets, without the secrets themselves."""
    found = client_of(ctx).list_signing_secrets(project).signing_secrets
    emit_all(found, output, SECRET_COLUMNS, empty="no signing secrets")


@app.command(epilog="Example: queue projects add-secret shop")
def add_secret(
    ctx: typer.Context,
    project: ProjectArgument,
    secret: Annotated[str | None, typer.Option(help="whsec_…; one is made.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Sign a project's requests with a further secret; it is shown this once."""
    given: dict[str, Any] = {"secret": secret} if secret else {}
    made = client_of(ctx).create_signing_secret(project, **given)
    emit(made, output, [("id", made.id), ("secret", made.secret)])


@app.command(epilog="Example: queue projects delete-secret shop s1")
def delete_secret(
    ctx: typer.Context, project: ProjectArgument, secret_id: Annotated[str, typer.Argument()],
    output: OutputOption = Output.TABLE,
) -> None:  # fmt: skip
    """Sign with this secret no more."""
    client_of(ctx).delete_signing_secret(project, secret_id)
    done({"id": secret_id, "deleted": True}, output, f"{secret_id} signs no more")
