from __future__ import annotations

from structlog.testing import capture_logs

from queue_api.problems.unavailable import INTERVAL_SECONDS, UnavailableLog
from queue_common.errors import QueueUnavailableError

AWAY = QueueUnavailableError("Redis cannot be reached: Error 111 connecting to 10.1.2.3:6379")


def test_a_flood_of_failures_is_one_line_in_each_interval() -> None:
    """While Redis is away a line tells why, and the next how many requests failed since."""
    now = 0.0
    log = UnavailableLog(lambda: now)
    with capture_logs() as lines:
        for _ in range(1000):
            log(AWAY)
        now += INTERVAL_SECONDS
        log(AWAY)

    assert [line["reason"] for line in lines] == [str(AWAY), str(AWAY)]
    assert [line["requests"] for line in lines] == [1, 1000]
