"""Projects: their weight, limits and use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ...errors import UnknownProjectError, WrongStateError
from ...lanes import DEFAULT_PROJECT
from ..storage.connection import translated

if TYPE_CHECKING:
    from ..storage.scripts import Argument, Scripts

__all__ = ["Project", "ProjectLimits", "ProjectPage", "ProjectUse", "Projects"]

UNKNOWN, HAS_LANES = 0, -1
"""What ``forget_project.lua`` returns if it changes nothing."""


class ProjectLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a project may have; None: there is no limit."""

    rate: float | None = None
    """New tasks a second, over time."""
    burst: int | None = None
    """New tasks that may come at once; None: those of a second."""
    waiting: int | None = None
    """Tasks that wait or are scheduled."""
    stored_bytes: int | None = None
    """Bytes of the records of tasks that are not settled, without their attempts."""
    in_flight: int | None = None
    """Requests at a time. More tasks are accepted, and wait."""
    lanes: int | None = None
    """Lanes with tasks that are not settled."""


class ProjectUse(msgspec.Struct, frozen=True):
    """What a project has now, counted as its limits count."""

    waiting: int
    stored_bytes: int | None
    """None for ``default``, which is not counted."""
    in_flight: int
    lanes: int


class Project(msgspec.Struct, frozen=True):
    """A project as it is."""

    project: str
    weight: int
    limits: ProjectLimits
    use: ProjectUse


class ProjectPage(msgspec.Struct, frozen=True):
    """Some projects in the order of their names."""

    projects: list[Project]
    cursor: str | None
    """None: this is the last page."""


class Projects:
    """Reads and changes projects; each change is one script."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def page(self, *, after: str = "", limit: int = 100) -> ProjectPage:
        """Return the projects after the name ``after``, in O(page)."""
        found = await self._read(after, limit + 1, "")
        more = len(found) > limit
        return ProjectPage(found[:limit], found[limit - 1].project if more else None)

    async def get(self, project: str) -> Project:
        """Return a project; raises UnknownProjectError for one without tasks or settings."""
        found = await self._read("", 1, project)
        if not found:
            msg = f"no project has the name {project}"
            raise UnknownProjectError(msg)
        return found[0]

    async def put(self, project: str, *, weight: int, limits: ProjectLimits) -> Project:
        """Set a project's weight and limits, in place of those it had."""
        rate = "" if limits.rate is None else repr(limits.rate)
        burst = limits.burst if limits.burst is not None else max(round(limits.rate or 0), 1)
        arguments: list[Argument] = [weight, rate, burst if rate else ""]
        for limit in (limits.waiting, limits.stored_bytes, limits.in_flight, limits.lanes):
            arguments.append("" if limit is None else limit)
        with translated():
            await self._scripts.run("set_project", project, *arguments)
        return await self.get(project)

    async def delete(self, project: str) -> None:
        """Forget a project's settings; raises WrongStateError while it has tasks in lanes.

        Raises UnknownProjectError.
        """
        with translated():
            result = await self._scripts.run("forget_project", project)
        if result == UNKNOWN:
            msg = f"no project has the name {project}"
            raise UnknownProjectError(msg)
        if result == HAS_LANES:
            msg = f"project {project} has tasks: cancel or purge them first"
            raise WrongStateError(msg)

    async def _read(self, after: str, limit: int, project: str) -> list[Project]:
        with translated():
            rows = await self._scripts.run("read_projects", after, limit, project)
        return [_project(row) for row in rows]


def _project(row: list[Any]) -> Project:
    name, weight, rate, *rest = row
    burst, waiting_limit, bytes_limit, in_flight_limit, lanes_limit = map(_number, rest[:5])
    waiting, size, in_flight, lanes = rest[5:]
    limits = ProjectLimits(
        float(rate) if rate else None, burst, waiting_limit, bytes_limit, in_flight_limit,
        lanes_limit,
    )  # fmt: skip
    project = name.decode()
    stored_bytes = None if project == DEFAULT_PROJECT else size
    return Project(
        project, int(weight), limits, ProjectUse(waiting, stored_bytes, in_flight, lanes)
    )


def _number(value: bytes) -> int | None:
    return int(value) if value else None
