"""What lanes are like, taken together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queue_client import Lane

__all__ = ["health", "largest", "probe_is_due", "summary", "troubled"]

TROUBLE = ("unhealthy", "failing", "paused")


def health(lane: Lane) -> str:
    """Return a lane's health as a word.

    ``failing``: of the attempts of the last minutes more failed than succeeded. The API calls only
    a lane unhealthy that it has slowed down: answers such as 404 do not.
    """
    if lane.paused:
        return "paused"
    if lane.health.state == "unhealthy":
        return "unhealthy"
    if lane.recent.failed > lane.recent.delivered:
        return "failing"
    return "on trial" if lane.health.state == "trial" else "healthy"


def probe_is_due(lane: Lane) -> bool:
    """Whether the next request to an unhealthy destination may be made now."""
    probe = lane.health.next_probe_at
    return probe is not None and probe <= datetime.now(UTC)


def troubled(lanes: Sequence[Lane]) -> list[Lane]:
    """Return the lanes that need a look, the worst first."""
    found = [lane for lane in lanes if health(lane) in TROUBLE]
    return sorted(found, key=lambda lane: TROUBLE.index(health(lane)))


def largest(lanes: Sequence[Lane], number: int) -> list[Lane]:
    """Return the lanes with the most tasks that wait or are scheduled."""
    having = [lane for lane in lanes if lane.waiting + lane.scheduled]
    return sorted(having, key=lambda lane: -(lane.waiting + lane.scheduled))[:number]


def summary(lanes: Sequence[Lane]) -> str:
    """Return how many lanes are in which trouble; ``all healthy`` if none is."""
    words = [health(lane) for lane in lanes]
    parts = [f"{words.count(word)} {word}" for word in (*TROUBLE, "on trial") if word in words]
    return ", ".join(parts[:2]) or "all healthy"
