"""Which API a command talks to, and as who."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .config import read_profile
from .failures import USAGE, CommandError

if TYPE_CHECKING:
    import typer

    from queue_client import QueueClient

    from .output import Column

__all__ = ["Session", "client_of", "dashboard_of", "of_all_projects", "session_of"]

ALL_PROJECTS = "*"

DASHBOARD_PORT = 8081
"""Of `queue dev`."""


class Session:
    """The root's options; options come before the environment, and that before the profile."""

    def __init__(
        self, url: str | None, token: str | None, project: str | None, profile: str | None
    ) -> None:
        self._given = {"url": url, "token": token, "project": project, "dashboard_url": None}
        self._profile_name = profile

    @functools.cached_property
    def options(self) -> dict[str, str | None]:
        """The address, the token and the project that hold."""
        kept = read_profile(self._profile_name or os.environ.get("QUEUE_PROFILE"))
        named = self._profile_name is not None
        return {
            name: given or (None if named else os.environ.get(f"QUEUE_{name.upper()}"))
            or kept.get(name) or os.environ.get(f"QUEUE_{name.upper()}")
            for name, given in self._given.items()
        }  # fmt: skip

    @functools.cached_property
    def client(self) -> QueueClient:
        """A client of this API."""
        from queue_client import QueueClient

        options = self.options
        try:
            return QueueClient(options["url"], options["token"], project=options["project"])
        except ValueError as error:
            raise CommandError(str(error), USAGE) from None


def dashboard_of(session: Session, task_id: str | None = None) -> str:
    """Return the dashboard's address, or that of a task's page there."""
    url = session.options["dashboard_url"]
    if url is None:
        parts = urlsplit(session.client.connection.base_url)
        if parts.hostname not in {"localhost", "127.0.0.1"}:
            msg = "set QUEUE_DASHBOARD_URL, or dashboard_url of the profile, to its address"
            raise CommandError(msg, USAGE)
        url = f"http://localhost:{DASHBOARD_PORT}"
    return f"{url.rstrip('/')}/tasks/{task_id}" if task_id else url


def session_of(ctx: typer.Context) -> Session:
    """Return the session of a command."""
    session: Session = ctx.obj
    return session


def of_all_projects(ctx: typer.Context, columns: list[Column]) -> list[Column]:
    """Return a table's columns, with that of the project if the command is for all of them."""
    if session_of(ctx).options["project"] != ALL_PROJECTS:
        return columns
    return [*columns[:1], ("project", lambda value: value.project), *columns[1:]]


def client_of(ctx: typer.Context) -> QueueClient:
    """Return the client of a command."""
    return session_of(ctx).client
