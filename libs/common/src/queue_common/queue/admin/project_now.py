"""The state of one project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..storage.connection import translated

if TYPE_CHECKING:
    from ..storage.scripts import Scripts

__all__ = ["ProjectNow", "read_project_now"]

MAX_LANES: Final = 500
"""Lanes that a call looks at: scheduled tasks in further ones count as waiting."""
MAX_PROJECTS: Final = 500
"""Other projects whose tasks are subtracted to get those of ``default``."""


class ProjectNow(NamedTuple):
    """How many tasks and lanes of a project are in each state."""

    waiting: int
    scheduled: int
    due: int
    active: int
    dead: int
    lanes: int
    oldest_waiting_ms: int | None
    """Time for which the oldest waiting task has been due; None if none waits."""
    unhealthy_lanes: int
    trial_lanes: int


async def read_project_now(scripts: Scripts, project: str) -> ProjectNow:
    """Return a project's state."""
    with translated():
        found = await scripts.run("project_now", project, MAX_LANES, MAX_PROJECTS)
    tasks, active, dead, lanes, scheduled, due, oldest_ms, unhealthy, trial = found
    return ProjectNow(
        waiting=max(tasks - scheduled, 0),
        scheduled=scheduled,
        due=due,
        active=active,
        dead=dead,
        lanes=lanes,
        oldest_waiting_ms=None if oldest_ms < 0 else oldest_ms,
        unhealthy_lanes=unhealthy,
        trial_lanes=trial,
    )
