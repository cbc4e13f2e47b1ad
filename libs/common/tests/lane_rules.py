"""What operators and destinations do to lanes, as rules of the queue's state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import redis.asyncio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from queue_common.lanes import split_lane
from queue_common.queue.admin.lanes import LaneLimits
from queue_testing.scripted import ScriptedQueue

from .queue_model import Model

T = TypeVar("T")

HOUR_MS = 3600 * 1000
LANES = ["a", "b", "one\x1fa", "one\x1fb", "two\x1fa"]
lanes = st.sampled_from(LANES)


class LaneRules(RuleBasedStateMachine):
    """A queue, its model, and the rules that change lanes and no task."""

    queue: ScriptedQueue

    def __init__(self, port: int) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = redis.asyncio.Redis(port=port)
        self.model = Model()
        self.leases_made = 0

    def do(self, move: Coroutine[Any, Any, T]) -> T:
        """Run one move to its end."""
        return self.runner.run(move)

    @rule(lane=st.sampled_from([*LANES, None]), pauses=st.booleans())
    def pause_or_resume(self, lane: str | None, pauses: bool) -> None:
        """An operator stops a lane, or all, or lets them go on."""
        operations = self.queue.operations
        changed = self.do(operations.pause(lane) if pauses else operations.resume(lane))
        before = self.model.all_paused if lane is None else lane in self.model.paused

        assert changed == (before != pauses)
        if lane is None:
            self.model.all_paused = pauses
        elif pauses:
            self.model.paused.add(lane)
            self.model.health.pop(lane, None)
        else:
            self.model.paused.discard(lane)

    @rule(lane=lanes, concurrency=st.sampled_from([None, 1, 3]))
    def limit_lane(self, lane: str, concurrency: int | None) -> None:
        """An operator sets how many requests a lane has in flight; it gets all its tokens."""
        limits = LaneLimits(concurrency=concurrency)
        self.do(self.queue.lanes.put(*split_lane(lane), limits))
        self.model.slowed.discard(lane)
        if concurrency is None:
            self.model.concurrency.pop(lane, None)
        else:
            self.model.concurrency[lane] = concurrency

    @rule(lane=lanes, slows=st.booleans())
    def slow_lane(self, lane: str, slows: bool) -> None:
        """A destination asks for a pause, or its time has passed."""
        self.do(self.queue.slow(lane, HOUR_MS if slows else 0))
        (self.model.slowed.add if slows else self.model.slowed.discard)(lane)
