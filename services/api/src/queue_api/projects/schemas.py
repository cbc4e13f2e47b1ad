"""The types of requests and responses about projects."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from queue_common.queue.admin.projects import Project, ProjectLimits

__all__ = ["LimitsPut", "ProjectList", "ProjectPut"]

_Number = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]


class LimitsPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of a project; null or missing: no limit. A burst needs a rate."""

    rate: Annotated[float, Meta(ge=0.001, le=1_000_000)] | None = None
    """Max new tasks per second on average."""
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Max new tasks at once, with a rate; default: those of a second."""
    waiting: _Number | None = None
    """Max waiting and scheduled tasks."""
    stored_bytes: _Number | None = None
    """Max bytes of the records of unsettled tasks, without their attempts."""
    in_flight: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Max requests in flight. Further tasks are accepted, and wait."""
    lanes: _Number | None = None
    """Max lanes with unsettled tasks."""

    def limits(self) -> ProjectLimits:
        """Return the limits for the queue."""
        return ProjectLimits(**msgspec.structs.asdict(self))


class ProjectPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new settings of a project."""

    weight: Annotated[int, Meta(ge=1, le=100)] = 1
    """The project's share of the workers, relative to other projects."""
    limits: LimitsPut = LimitsPut()


class ProjectList(msgspec.Struct, frozen=True):
    """Projects in the order of their names."""

    projects: list[Project]
    cursor: str | None
    """The cursor of the next page; null on the last one."""
