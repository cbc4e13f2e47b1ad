"""Redis' counters as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ..errors import QueueUnavailableError
from ..lanes import DEFAULT_PROJECT, shown_lane
from . import redis_catalog as table
from .metric import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric as Family

    from ..queue import QueueSnapshot, QueueStats
    from .metric import Metric

__all__ = ["RedisStats"]

_REMOVED = {
    "result": "results_removed_total",
    "dead_letter": "dead_removed_total",
    "expired_dead_letter": "dead_expired_total",
    "idempotency_key": "idempotent_removed_total",
}
_SIZES = {"result": "result_bytes", "dead_letter": "dead_bytes"}
_SIZE_LIMITS = {"result": "result_max_bytes", "dead_letter": "dead_max_bytes"}
_Sample = tuple[tuple[str, ...], float]


class RedisStats(Collector):
    """Shows the stats that were read last; none if Redis did not reply."""

    def __init__(self, queue_name: str) -> None:
        self._queue = queue_name
        self.read: QueueSnapshot | None = None
        """None if Redis is away."""
        self.persists: bool | None = None
        """Whether Redis' last write to disk succeeded; None if that is unknown."""

    async def refresh(self, stats: QueueStats) -> None:
        """Read the stats again; there are none if Redis is away."""
        try:
            self.read = await stats.read()
        except QueueUnavailableError:
            self.read = None

    def collect(self) -> Iterable[Family]:
        """Return the metrics that have a value."""
        read = self.read
        yield _family(table.REDIS_UP, [((), float(read is not None))])
        if read is None:
            return
        if self.persists is not None:
            yield _family(table.PERSISTENCE_OK, [((self._queue,), float(self.persists))])
        for metric, samples in self._samples(read):
            yield _family(metric, [((self._queue, *labels), value) for labels, value in samples])

    @staticmethod
    def _samples(read: QueueSnapshot) -> Iterator[tuple[Metric, list[_Sample]]]:
        yield table.TASKS, _by_state(read.waiting, read.scheduled, read.active, read.dead)
        lanes = [
            ((shown_lane(lane.name), *state), value)
            for lane in read.lanes
            for state, value in _by_state(lane.waiting, lane.scheduled, lane.active, lane.dead)
        ]
        yield table.LANE_TASKS, lanes
        unhealthy, on_trial = read.unhealthy_lanes, read.trial_lanes
        yield table.LANES, [
            (("unhealthy",), unhealthy), (("on_trial",), on_trial),
            (("throttled",), read.throttled_lanes), (("paused",), read.paused_lanes),
        ]  # fmt: skip
        yield (
            table.PROJECT_TASKS,
            [
                ((project.name, state), value)
                for project in read.projects
                if project.name != DEFAULT_PROJECT
                for state, value in (("waiting", project.waiting), ("active", project.active))
            ],
        )
        if read.oldest_waiting_ms is not None:
            yield table.OLDEST_WAITING, [((), read.oldest_waiting_ms / 1000)]
        yield table.WORKERS, [((), read.workers)]
        yield table.SUSPECTS, [((), read.counters["suspects"])]
        yield table.OUTBOX, [((), read.outbox)]
        yield table.BACKLOG, [((), read.backlog)]
        yield table.DEAD_LETTERS, [((), read.counters["dead_total"])]
        yield table.LEASES_LOST, [((), read.counters["leases_lost_total"])]
        yield table.SETTLED_SIZE, _by_kind(read, _SIZES)
        yield table.SETTLED_SIZE_LIMIT, _by_kind(read, _SIZE_LIMITS)
        yield table.REMOVED, _by_kind(read, _REMOVED)


def _by_kind(read: QueueSnapshot, names: dict[str, str]) -> list[_Sample]:
    return [((kind,), read.counters[name]) for kind, name in names.items()]


def _by_state(waiting: int, scheduled: int, active: int, dead: int) -> list[_Sample]:
    return [
        (("waiting",), waiting), (("scheduled",), scheduled), (("active",), active),
        (("dead",), dead),
    ]  # fmt: skip


def _family(metric: Metric, samples: list[_Sample]) -> Family:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.prometheus_name, metric.description, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
