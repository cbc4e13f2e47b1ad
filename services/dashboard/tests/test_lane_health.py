from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queue_client import Lane, LaneHealth, RecentAttempts
from queue_dashboard.view.lanes import health, largest, probe_is_due, summary, troubled

PROVEN = LaneHealth("proven")
FAILS = RecentAttempts(delivered=0, failed=45, last_outcome="http_error", last_status_code=404)


@pytest.mark.parametrize(
    ("lane", "word"),
    [
        (Lane(lane="a", health=PROVEN), "healthy"),
        (Lane(lane="a", health=PROVEN, recent=RecentAttempts(9, 1)), "healthy"),
        (Lane(lane="a", health=PROVEN, recent=FAILS), "failing"),
        (Lane(lane="a"), "on trial"),
        (Lane(lane="a", health=LaneHealth("unhealthy"), recent=FAILS), "unhealthy"),
        (Lane(lane="a", health=PROVEN, recent=FAILS, paused=True), "paused"),
    ],
)
def test_a_lane_is_as_healthy_as_its_last_attempts(lane: Lane, word: str) -> None:
    """A lane in which most attempts fail is not healthy, whatever its destination's state."""
    assert health(lane) == word


def test_lanes_taken_together() -> None:
    """Lanes in trouble are counted and listed, the worst first."""
    fails = Lane(lane="fails", health=PROVEN, recent=FAILS)
    ill = Lane(lane="ill", health=LaneHealth("unhealthy"))
    good = Lane(lane="good", health=PROVEN)

    assert summary([good]) == "all healthy"
    assert summary([good, Lane(lane="new")]) == "1 on trial"
    assert summary([good, fails, ill, Lane(lane="new")]) == "1 unhealthy, 1 failing"
    assert troubled([good, fails, ill]) == [ill, fails]


def test_the_largest_backlogs() -> None:
    """Scheduled tasks are a backlog as waiting ones are, and a lane without tasks has none."""
    names = [Lane(lane=f"a{n}", waiting=1) for n in range(5)]
    large, empty = Lane(lane="zzz", scheduled=500), Lane(lane="empty")

    assert largest([empty, *names, large], 3) == [large, *names[:2]]
    assert largest([empty], 3) == []


def test_a_probe_is_due() -> None:
    """A probe whose time has come is due; one of later is not."""
    now = datetime.now(UTC)
    for seconds, due in ((-60, True), (60, False)):
        at = now + timedelta(seconds=seconds)
        assert probe_is_due(Lane(lane="a", health=LaneHealth("unhealthy", at))) is due
