"""The queue against a model of it: any order of moves keeps the invariants."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from queue_common.errors import UnknownTaskError, WrongStateError
from queue_common.queue import Claim
from queue_common.queue.storage.connection import reply
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Outcome, State, TaskId
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

from .lane_rules import LaneRules, lanes
from .queue_model import MAX_TASKS, SUSPECT_AT, Known

T = TypeVar("T")

HOUR_MS = 3600 * 1000
POISON_AT = 3
NO_ROOM = -3
"""What a claim says that must wait for the worker's own to end."""
IDS = [f"id-{i}" for i in range(8)]
TOLD = (State.QUEUED, State.SCHEDULED, State.ACTIVE, State.DEAD)
ids = st.sampled_from(IDS)
choices = st.integers(min_value=0, max_value=99)


class QueueMachine(LaneRules):
    """Moves the queue and its model in step."""

    @initialize(ttl=st.sampled_from([0, HOUR_MS]))
    def begin(self, ttl: int) -> None:
        """Open a queue of the run's own, with or without a memory of settled tasks."""
        name = f"stateful-{uuid.uuid4().hex[:12]}"
        self.keeps = ttl > 0
        self.queue = ScriptedQueue(self.client, name, result_ttl_ms=ttl)

    def settle_in_model(self, task_id: str, state: State) -> None:
        """Note a task's end."""
        if self.keeps or state is State.DEAD:
            self.model.tasks[task_id].state = state
            self.model.tasks[task_id].cancel_requested = False
        else:
            del self.model.tasks[task_id]

    @rule(task_id=ids, lane=lanes, delay_ms=st.sampled_from([0, 0, 0, HOUR_MS]))
    def submit(self, task_id: str, lane: str, delay_ms: int) -> None:
        """Send a task: new, known, or in conflict with another of its id."""
        known = self.model.tasks.get(task_id)
        expected = 1 if known is None else 0 if known.lane == lane else -1
        result = self.do(self.queue.submit(task_id, a_task(lane=lane), delay_ms=delay_ms))

        assert result == expected
        if known is None:
            state = State.SCHEDULED if delay_ms else State.QUEUED
            self.model.tasks[task_id] = Known(lane, state)

    @precondition(lambda self: len(self.model.slots) < 3)
    @rule(slots=st.integers(min_value=1, max_value=2))
    def register(self, slots: int) -> None:
        """A worker comes."""
        self.leases_made += 1
        lease = f"lease-{self.leases_made}"
        self.do(self.queue.register(lease, slots))
        self.model.slots[lease] = slots

    @precondition(lambda self: self.model.slots)
    @rule(choice=choices, wanted=st.integers(min_value=1, max_value=5))
    def claim(self, choice: int, wanted: int) -> None:
        """A worker claims: all it may have, no more, and from each lane something."""
        lease = sorted(self.model.slots)[choice % len(self.model.slots)]
        self.model.promote()
        held = self.model.held_by(lease)
        suspects = sum(claim.interrupted >= SUSPECT_AT for claim in held)
        claims = self.do(
            self.queue.claim(lease, wanted, idle=not held, max_tasks=MAX_TASKS, suspects=suspects)
        )
        normal = [claim for claim in claims if not self.model.tasks[claim.task_id].suspect]
        waits, found = self.queue.poll_again_ms == NO_ROOM, claims[: len(claims) - len(normal)]
        assert self.model.may_hold(found, suspects, alone=waits and not held)
        for claim in found:
            assert self.model.room_left(claim.lane)
            self._take(claim)
        ready = self.model.ready()
        taken = Counter(claim.lane for claim in normal)

        assert not taken - ready
        if waits:
            assert not normal
        else:
            left = wanted - len(claims) + len(normal)
            assert len(normal) == min(left, ready.total())
            assert left < len(ready) or set(taken) == set(ready)
        for claim in normal:
            self._take(claim)

    def _take(self, claim: Claim) -> None:
        known = self.model.tasks[claim.task_id]
        assert (known.state, known.lane) == (State.QUEUED, claim.lane)
        assert claim.attempt == known.attempts + 1
        self.model.take(claim)

    @precondition(lambda self: self.model.held)
    @rule(
        choice=choices,
        decision=st.sampled_from([Done(), RetryAt(0), RetryAt(1), Dead("enough")]),
        claiming=st.booleans(),
        responds=st.booleans(),
    )
    def settle(self, choice: int, decision: Decision, claiming: bool, responds: bool) -> None:
        """A worker settles what it holds; ``RetryAt(1)`` stands for an hour from now."""
        task_id = sorted(self.model.held)[choice % len(self.model.held)]
        claim = self.model.held.pop(task_id)
        known = self.model.tasks[task_id]
        later = isinstance(decision, RetryAt) and decision.due_at_ms > 0
        made = RetryAt(now_ms() + HOUR_MS) if later else decision
        failed = Outcome.HTTP_ERROR if responds else Outcome.TIMEOUT
        outcome = Outcome.DELIVERED if isinstance(decision, Done) else failed
        attempt = an_attempt(outcome, number=claim.attempt)

        assert self.do(self.queue.settle(claim, made, attempt, claiming=claiming))
        known.attempts += 1
        self.model.stale.append(claim)
        if isinstance(decision, Done):
            self.settle_in_model(task_id, State.DELIVERED)
        elif known.cancel_requested:
            self.settle_in_model(task_id, State.CANCELLED)
        elif isinstance(decision, Dead):
            self.settle_in_model(task_id, State.DEAD)
        else:
            known.state, known.due, known.interrupted = State.SCHEDULED, not later, 0
        if outcome is Outcome.TIMEOUT:
            self.model.worsen(claim.lane, rests=False, pauses=decision != RetryAt(0))
        else:
            self.model.improve(claim.lane)
        self.settle_health(claim.lane)

    def settle_health(self, lane: str) -> None:
        """Let a pause last until the test ends it."""
        self.model.forget()
        health = self.model.health.get(lane)
        if health is not None and health.room and not health.due:
            self.do(self.queue.end_pause(lane, now_ms() + HOUR_MS))

    @precondition(lambda self: any(not health.due for health in self.model.health.values()))
    @rule(choice=choices)
    def probe_is_due(self, choice: int) -> None:
        """The pause of an unhealthy lane ends."""
        resting = sorted(lane for lane, health in self.model.health.items() if not health.due)
        lane = resting[choice % len(resting)]
        self.do(self.queue.end_pause(lane))
        self.model.health[lane].due = True

    @precondition(lambda self: self.model.held)
    @rule(choice=choices)
    def release(self, choice: int) -> None:
        """A worker puts back what it holds: no attempt is counted."""
        task_id = sorted(self.model.held)[choice % len(self.model.held)]
        claim = self.model.held.pop(task_id)

        assert self.do(self.queue.release(claim))
        self.model.stale.append(claim)
        if self.model.tasks[task_id].cancel_requested:
            self.settle_in_model(task_id, State.CANCELLED)
        else:
            self.model.tasks[task_id].wait()

    @precondition(lambda self: self.model.held)
    @rule(choice=choices)
    def defer(self, choice: int) -> None:
        """A worker puts back what it may not try at its address: the lane rests."""
        task_id = sorted(self.model.held)[choice % len(self.model.held)]
        claim = self.model.held.pop(task_id)

        assert self.do(self.queue.defer(claim))
        self.model.stale.append(claim)
        if self.model.tasks[task_id].cancel_requested:
            self.settle_in_model(task_id, State.CANCELLED)
        else:
            self.model.tasks[task_id].wait()
        self.model.worsen(claim.lane, rests=True, pauses=True)
        self.settle_health(claim.lane)

    @precondition(lambda self: self.model.stale)
    @rule(choice=choices, decision=st.sampled_from([Done(), RetryAt(0), Dead("late")]))
    def settle_late(self, choice: int, decision: Decision) -> None:
        """A claim that has ended settles nothing, unless its very lease has the task again."""
        claim = self.model.stale[choice % len(self.model.stale)]
        again = self.model.held.get(claim.task_id)
        if again is not None and again.lease == claim.lease:
            return

        assert not self.do(self.queue.settle(claim, decision))

    @precondition(lambda self: self.model.slots)
    @rule(choice=choices, says_goodbye=st.booleans(), portion=st.integers(1, 3))
    def lose_worker(self, choice: int, says_goodbye: bool, portion: int) -> None:
        """A worker stops or dies, and its claims are released in batches."""
        lease = sorted(self.model.slots)[choice % len(self.model.slots)]
        self.do(self.queue.end_lease(lease) if says_goodbye else self.queue.expire(lease))
        self.do(self.queue.reap(portion))
        del self.model.slots[lease]
        held = self.model.held_by(lease)
        for claim in held:
            self.model.stale.append(self.model.held.pop(claim.task_id))
            self._interrupt(claim.task_id, alone=len(held) == 1)

    def _interrupt(self, task_id: str, *, alone: bool) -> None:
        known = self.model.tasks[task_id]
        known.interrupted += 1
        if known.cancel_requested:
            self.settle_in_model(task_id, State.CANCELLED)
        else:
            known.wait()
            if alone and known.interrupted >= POISON_AT:
                known.state, known.suspect = State.DEAD, False

    @precondition(lambda self: self.model.in_state(State.SCHEDULED))
    @rule(choice=choices)
    def time_passes(self, choice: int) -> None:
        """A scheduled task's time comes."""
        scheduled = self.model.in_state(State.SCHEDULED)
        task_id = scheduled[choice % len(scheduled)]
        self.do(self.queue.make_due(task_id, self.model.tasks[task_id].lane))
        self.model.tasks[task_id].due = True

    @rule(task_id=ids)
    def cancel(self, task_id: str) -> None:
        """A client takes a task back."""
        known = self.model.tasks.get(task_id)
        try:
            found = self.do(self.queue.operations.cancel(TaskId(task_id)))
        except UnknownTaskError:
            assert known is None
        except WrongStateError:
            assert known is not None
            assert known.state.settled
        else:
            assert known is not None
            assert found is known.state
            if found is State.ACTIVE:
                known.cancel_requested = True
            else:
                self.settle_in_model(task_id, State.CANCELLED)

    @rule(task_id=ids, requeues=st.booleans())
    def bring_back(self, task_id: str, requeues: bool) -> None:
        """An operator runs a scheduled task now, or requeues a dead letter."""
        known = self.model.tasks.get(task_id)
        operations = self.queue.operations
        move = operations.requeue if requeues else operations.run_now
        try:
            self.do(move(TaskId(task_id)))
        except UnknownTaskError:
            assert known is None
        except WrongStateError:
            assert known is not None
            assert known.state is not (State.DEAD if requeues else State.SCHEDULED)
        else:
            assert known is not None
            assert known.state is (State.DEAD if requeues else State.SCHEDULED)
            known.state, known.due = State.QUEUED, False
            known.interrupted = 0 if requeues else known.interrupted

    @rule(lane=lanes)
    def purge(self, lane: str) -> None:
        """An operator empties a lane."""
        waiting = [
            task_id
            for task_id, known in self.model.tasks.items()
            if known.lane == lane and known.state in {State.QUEUED, State.SCHEDULED}
        ]

        assert self.do(self.queue.operations.purge(lane)) == len(waiting)
        for task_id in waiting:
            del self.model.tasks[task_id]

    @precondition(lambda self: self.model.in_state(State.DEAD))
    @rule(choice=choices, removes=st.booleans())
    def previous_release_changes_dead_letters(self, choice: int, removes: bool) -> None:
        """The previous release leaves no size and group, or one too many; a renewal mends it."""
        dead = self.model.in_state(State.DEAD)
        task_id, key = dead[choice % len(dead)], self.queue.key
        size = int(self.do(reply(self.client.hget(key("dead_sizes"), task_id))) or 0)
        if removes:
            lane = self.model.tasks.pop(task_id).lane
            self.do(reply(self.client.zrem(key("dead"), task_id)))
            self.do(reply(self.client.zrem(key(f"d:{lane}"), task_id)))
            self.do(reply(self.client.delete(key(f"t:{task_id}"))))
        else:
            self.do(reply(self.client.hdel(key("dead_sizes"), task_id)))
            self.do(reply(self.client.hincrby(key("n"), "dead_bytes", -size)))
            self.do(self.queue.forget_dead_groups())
        self.do(self.queue.renew("nobody"))

    @invariant()
    def queue_is_as_the_model(self) -> None:
        """Each task is in its one place, counters are true, nothing is left over."""
        self.model.forget()
        snapshot = self.do(self.queue.inspector.check())
        found = {
            task_id: (r.lane, r.state, r.attempts, r.interrupted, r.cancel_requested)
            for task_id, r in snapshot.records.items()
        }

        assert found == {
            task_id: (k.lane, k.state, k.attempts, k.interrupted, k.cancel_requested)
            for task_id, k in self.model.tasks.items()
        }
        if all(known.state.settled for known in self.model.tasks.values()):
            many = ("t:", "d:", "g:", "dead_", "p:")
            kept = {key for key in snapshot.leftovers() if not key.startswith(many)}
            assert kept <= {"dead", "paused"}

    @invariant()
    def stats_match_the_model(self) -> None:
        """What processes tell of the queue is what a walk over all tasks finds."""
        self.model.forget()
        snapshot = self.do(self.queue.snapshot())
        tasks = self.model.tasks.values()
        states = Counter(known.state for known in tasks)
        lanes = {
            lane: tuple(sum(k.lane == lane and k.state is s for k in tasks) for s in TOLD)
            for lane in {k.lane for k in tasks if not k.state.settled}
        }

        assert (snapshot.waiting, snapshot.scheduled, snapshot.active, snapshot.dead) == tuple(
            states[state] for state in TOLD
        )
        assert snapshot.due == sum(k.due and k.state is State.SCHEDULED for k in tasks)
        assert snapshot.workers == len(self.model.slots)
        assert snapshot.unhealthy_lanes == sum(h.room > 0 for h in self.model.health.values())
        assert {f.name: (f.waiting, f.scheduled, f.active, f.dead) for f in snapshot.lanes} == lanes
        assert (snapshot.oldest_waiting_ms or 0) >= 0

    def teardown(self) -> None:
        """Remove the run's keys."""
        if hasattr(self, "queue"):
            keys = self.do(self.queue.inspector.snapshot()).keys
            if keys:
                self.do(reply(self.client.delete(*map(self.queue.key, keys))))
        self.do(self.client.aclose())
        self.runner.close()


@pytest.mark.timeout(300)  # thousands of moves: a machine that is slow or busy is no failure
def test_any_order_of_moves_keeps_the_invariants(redis_server: RedisServer) -> None:
    """Whatever clients, workers and operators do, the queue is as its model says."""

    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(redis_server.port)

    run_state_machine_as_test(Machine, settings=settings())
