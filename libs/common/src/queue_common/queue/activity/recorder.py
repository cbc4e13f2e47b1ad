"""Counts the activity of a process for the common stats."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ...errors import QueueUnavailableError
from ...lanes import DEFAULT_PROJECT, PROJECT_SEPARATOR
from ...retry import NO_ATTEMPT, Dead, Done
from ..storage.codes import NEW
from ..storage.connection import translated
from .events import EventPublisher
from .histogram import BUCKETS, bucket_of
from .lane_outcomes import LaneOutcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...retry import Decision
    from ...task import Attempt
    from ..claim import Claim
    from ..enqueue_batcher import WaitingTask
    from ..storage.scripts import Argument, Scripts
    from .events import Death

__all__ = ["ALL_PROJECTS", "Activity"]

ALL_PROJECTS: Final = "*"
"""The name of the sum of all projects. No project can have it."""
FLUSH_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 1.0
MAX_PROJECTS: Final = 1000
"""Max projects between two flushes. Further ones are only counted in the sum."""
BATCH_SIZE: Final = 100

logger = structlog.stdlib.get_logger(__name__)
_encoder = msgspec.msgpack.Encoder()


class _Counts:
    """The activity of one project since the last flush."""

    __slots__ = ("accepted", "attempts", "dead", "delivered", "failed", "waits")

    def __init__(self) -> None:
        self.accepted = 0
        self.delivered = 0
        self.failed = 0
        self.dead = 0
        self.waits = [0] * BUCKETS
        self.attempts = [0] * BUCKETS

    def packed(self) -> bytes:
        """Return the arguments for ``record_activity.lua``."""
        return _encoder.encode(
            (self.accepted, self.delivered, self.failed, self.dead,
             _sparse(self.waits), _sparse(self.attempts))
        )  # fmt: skip


def _sparse(counts: list[int]) -> dict[str, int]:
    return {str(bucket): number for bucket, number in enumerate(counts) if number}


class Activity:
    """Counts in this process, and adds the counts in Redis every 2 s if there are any.

    If a process is killed, its counts of the last 2 s are lost.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._counts: dict[str, _Counts] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._lanes = LaneOutcomes()
        self.events = EventPublisher(scripts)
        """Tells those who watch."""

    def accepted(self, batch: Sequence[WaitingTask], results: Sequence[int]) -> None:
        """Count the new tasks among those that Redis has replied to."""
        told = self.events.wanted
        for submission, result in zip(batch, results, strict=True):
            if result == NEW:
                self._of(submission.lane).accepted += 1
                if told:
                    task_id, _, _, record = submission.arguments
                    self.events.accepted(task_id, record)

    def moved(self, tasks: Iterable[Sequence[bytes]]) -> None:
        """Count tasks that were moved out of the outbox: id, lane and, to tell of it, record."""
        for task_id, lane, record in tasks:
            self._of(lane.decode()).accepted += 1
            if record:
                self.events.accepted(task_id, record)

    def settled(
        self, claim: Claim, attempt: Attempt, decision: Decision, *, cancelled: bool
    ) -> None:
        """Count an attempt that has ended, and its task's new state."""
        counts = self._of(claim.lane)
        if self.events.wanted:
            self.events.settled(claim, attempt, decision, cancelled=cancelled)
        self._lanes.settled(claim.lane, attempt, decision)
        if claim.waiting_since_ms:
            # The clocks of worker and Redis may differ slightly.
            counts.waits[bucket_of(attempt.started_at_ms - claim.waiting_since_ms)] += 1
        if isinstance(decision, Done):
            counts.attempts[bucket_of(attempt.duration_ms)] += 1
            counts.delivered += 1
            return
        if attempt.outcome not in NO_ATTEMPT:
            counts.attempts[bucket_of(attempt.duration_ms)] += 1
            counts.failed += 1
        if isinstance(decision, Dead) and not cancelled:
            counts.dead += 1

    def died(self, death: Death) -> None:
        """Count a task that died without a settlement."""
        if self.events.wanted:
            self.events.died(death)
        self._lanes.settled(death.lane, death.attempt, Dead(death.attempt.outcome))
        counts = self._of(death.lane)
        counts.failed += 1
        counts.dead += 1

    def _of(self, lane: str) -> _Counts:
        project = DEFAULT_PROJECT
        if PROJECT_SEPARATOR in lane:
            project = lane.partition(PROJECT_SEPARATOR)[0]
        counts = self._counts.get(project)
        return self._new(project) if counts is None else counts

    def _new(self, project: str) -> _Counts:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FLUSH_SECONDS, self._begin_flush)
        if len(self._counts) >= MAX_PROJECTS:
            project = ALL_PROJECTS
        return self._counts.setdefault(project, _Counts())

    def _begin_flush(self) -> None:
        self._timer = None
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        counts, self._counts = self._counts, {}
        projects = list(counts.items())
        try:
            for begin in range(0, len(projects), BATCH_SIZE):
                arguments: list[Argument] = []
                for project, counted in projects[begin : begin + BATCH_SIZE]:
                    arguments += [project, counted.packed()]
                with translated():
                    await self._scripts.run("record_activity", *arguments)
            await self._flush_lanes()
        except QueueUnavailableError as error:
            # While Redis is away little happens, and stats need not be exact.
            logger.debug("activity.lost", reason=str(error), projects=len(projects))

    async def _flush_lanes(self) -> None:
        lanes = self._lanes.take()
        for begin in range(0, len(lanes), BATCH_SIZE):
            arguments = [a for lane in lanes[begin : begin + BATCH_SIZE] for a in lane]
            with translated():
                await self._scripts.run("record_lanes", *arguments)

    async def close(self) -> None:
        """Send the remaining counts and events."""
        await self.events.close()
        if self._timer is not None:
            self._timer.cancel()
            self._begin_flush()
        if self._flushing is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._flushing
