"""Lanes: look, pause, limit, purge."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..call import Pages, get, post, put
from ..models import Lane, LanePage, Purged

__all__ = ["LaneEndpoints"]

LANE = "/api/v1/lanes/{lane}"


class LaneEndpoints:
    """What can be done with lanes."""

    @get("/api/v1/lanes")
    def list_lanes(
        self, *, sort: str | None = None, prefix: str | None = None, cursor: str | None = None,
        limit: int | None = None,
    ) -> LanePage:  # fmt: skip
        """Return a page of lanes; ``sort`` is ``trouble`` or ``name``."""

    iter_lanes = Pages(list_lanes)

    @get(LANE)
    def get_lane(self, lane: str) -> Lane:
        """Return one lane: its backlog, health and limits."""

    @put(LANE)
    def set_lane(
        self, lane: str, *, concurrency: int | UnsetType | None = UNSET,
        rate: float | UnsetType | None = UNSET, burst: int | UnsetType | None = UNSET,
        paused: bool | UnsetType = UNSET,
    ) -> Lane:  # fmt: skip
        """Replace a lane's limits: one that is left out, or None, is removed.

        What ``get_lane`` returns as ``limits`` is what to start from. ``paused`` left out stays. A
        ``burst`` comes with a ``rate``.
        """

    @post(LANE + "/pause", repeatable=True)
    def pause_lane(self, lane: str) -> Lane:
        """Start no further attempts of a lane."""

    @post(LANE + "/resume", repeatable=True)
    def resume_lane(self, lane: str) -> Lane:
        """Let a paused lane go on."""

    @post(LANE + "/purge", repeatable=True)
    def purge_lane(self, lane: str) -> Purged:
        """Cancel what waits in a lane, as many as one call takes; ``more``: call again."""
