"""What a queue should be, in plain Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from queue_common.queue import Claim
from queue_common.task import State

__all__ = ["MAX_TASKS", "SUSPECT_AT", "Health", "Known", "Model"]

BAD_TO_REST, HEALTHY_ROOM = 5, 8
SUSPECT_AT, MAX_TASKS = 2, 32


@dataclass
class Known:
    """What the model knows of one task."""

    lane: str
    state: State
    due: bool = False
    attempts: int = 0
    interrupted: int = 0
    cancel_requested: bool = False
    suspect: bool = False
    """It waits outside its lane's list."""

    def wait(self) -> None:
        """Go back to where it waits."""
        self.state, self.suspect = State.QUEUED, self.interrupted >= SUSPECT_AT


@dataclass
class Health:
    """What the model knows of a lane in doubt."""

    bad: int = 0
    room: int = 0
    """0: it is not unhealthy."""
    due: bool = True


@dataclass
class Model:
    """The queue as it should be, in plain Python."""

    tasks: dict[str, Known] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    held: dict[str, Claim] = field(default_factory=dict)
    stale: list[Claim] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    all_paused: bool = False
    health: dict[str, Health] = field(default_factory=dict)
    concurrency: dict[str, int] = field(default_factory=dict)
    """Of lanes that have their own."""
    slowed: set[str] = field(default_factory=set)
    """Lanes without tokens."""

    def in_state(self, state: State) -> list[str]:
        """Return the ids in a state, in a fixed order."""
        return sorted(i for i, known in self.tasks.items() if known.state is state)

    def promote(self) -> None:
        """Let due tasks wait in their lanes, as each claim does first."""
        for known in self.tasks.values():
            if known.state is State.SCHEDULED and known.due:
                known.state, known.due = State.QUEUED, False

    def ready(self) -> Counter[str]:
        """Count how many tasks a claim may take from each lane."""
        waiting = Counter(
            k.lane for k in self.tasks.values() if k.state is State.QUEUED and not k.suspect
        )
        left = {lane: min(n, self.room_left(lane)) for lane, n in waiting.items()}
        return Counter({lane: n for lane, n in left.items() if n})

    def held_by(self, lease: str) -> list[Claim]:
        """Return what a worker holds."""
        return [claim for claim in self.held.values() if claim.lease == lease]

    def room_left(self, lane: str) -> int:
        """Say how many more tasks of a lane may be claimed."""
        if lane in self.paused or lane in self.slowed or self.all_paused:
            return 0
        limit = self.concurrency.get(lane, sum(self.slots.values()))
        flying = sum(claim.lane == lane for claim in self.held.values())
        return max(self.room(lane, limit) - flying, 0)

    def take(self, claim: Claim) -> None:
        """Let a worker hold what it claimed."""
        known = self.tasks[claim.task_id]
        known.state, known.suspect = State.ACTIVE, False
        self.held[claim.task_id] = claim

    def may_hold(self, claims: list[Claim], suspects: int, *, alone: bool) -> bool:
        """Say whether a worker that has ``suspects`` may hold these as well: alone, or so many."""
        if alone and len(claims) == 1:
            return True
        limits = [MAX_TASKS // 8 ** (claim.interrupted - 1) for claim in claims]
        return all(limit > 1 and suspects + len(claims) <= limit for limit in limits)

    def room(self, lane: str, limit: int) -> int:
        """Say how many tasks of a lane may be in flight."""
        health = self.health.get(lane)
        if health is None or health.room == 0:
            return limit
        return min(health.room, limit) if health.due else 0

    def worsen(self, lane: str, *, rests: bool, pauses: bool) -> None:
        """Take in a failure that tells of the lane's destination."""
        health = self.health.setdefault(lane, Health())
        health.bad += 1
        if health.room or rests or health.bad >= BAD_TO_REST:
            health.due = health.due and not pauses
            health.room = 1

    def improve(self, lane: str) -> None:
        """Take in a response."""
        health = self.health.get(lane)
        if health is not None and 0 < health.room < HEALTHY_ROOM / 2:
            health.room, health.due = 2 * health.room, True
        else:
            self.health.pop(lane, None)

    def forget(self) -> None:
        """Know nothing of lanes that have nothing to do."""
        alive = {known.lane for known in self.tasks.values() if not known.state.settled}
        self.health = {lane: health for lane, health in self.health.items() if lane in alive}
