"""Projects in requests and responses, as types."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from queue_common.queue.admin.projects import Project, ProjectLimits

__all__ = ["LimitsPut", "ProjectList", "ProjectPut"]

_Number = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]


class LimitsPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a project may have; null or left out: there is no limit."""

    rate: Annotated[float, Meta(ge=0.001, le=1_000_000)] | None = None
    """New tasks a second, over time."""
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """New tasks that may come at once, beside a rate; left out: those of a second."""
    waiting: _Number | None = None
    """Tasks that wait or are scheduled."""
    stored_bytes: _Number | None = None
    """Bytes of the records of tasks that are not settled, without their attempts."""
    in_flight: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Requests at a time. More tasks are accepted, and wait."""
    lanes: _Number | None = None
    """Lanes with tasks that are not settled."""

    def limits(self) -> ProjectLimits:
        """Return them as the queue takes them."""
        return ProjectLimits(**msgspec.structs.asdict(self))


class ProjectPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a project, in place of those it had."""

    weight: Annotated[int, Meta(ge=1, le=100)] = 1
    """How many tasks it gets in a turn, beside those of others."""
    limits: LimitsPut = LimitsPut()


class ProjectList(msgspec.Struct, frozen=True):
    """Some projects in the order of their names."""

    projects: list[Project]
    cursor: str | None
    """For the next page; null on the last."""
