"""The claims that a process has not settled yet, and how many more it may take."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ...lanes import DEFAULT_PROJECT, PROJECT_SEPARATOR, split_lane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..claim import Claim
    from ..storage.scripts import Argument

__all__ = ["UNBOUNDED", "InFlight"]

UNBOUNDED = 1_000_000
"""More tasks than any process holds."""

SUSPECT_AT = 2
"""A task is a suspect if so many workers in a row died under it: see ``suspects.lua``."""

MAX_PROJECTS = 16
"""A project with less than this share (1/n) of a worker's tasks needs no limit."""

_Key = tuple[str, str]
"""Lease and id: a task may come back under a new lease before the old claim has ended."""


class InFlight:
    """Counts a process' claims, the bytes of their records, and the suspects among them."""

    def __init__(self) -> None:
        self.max_tasks = 1
        self.max_bytes = 0
        """0: no limit."""
        self.bytes = 0
        self.max_on_trial = UNBOUNDED
        self._suspects: set[_Key] = set()
        self._sizes: dict[_Key, int] = {}
        self._on_trial: set[_Key] = set()
        """Claims from lanes that were not proven at the time of the claim."""
        self._projects: dict[_Key, str] = {}
        """Claims of projects other than ``default``."""
        self._by_project: Counter[str] = Counter()
        self._on_trial_by_project: Counter[str] = Counter()
        self._bytes_by_project: Counter[str] = Counter()

    def add(self, claims: Iterable[Claim]) -> None:
        """Count new claims."""
        for claim in claims:
            self._sizes[claim.lease, claim.task_id] = claim.size
            self.bytes += claim.size
            if claim.on_trial:
                self._on_trial.add((claim.lease, claim.task_id))
            if claim.interrupted >= SUSPECT_AT:
                self._suspects.add((claim.lease, claim.task_id))
            if PROJECT_SEPARATOR in claim.lane:
                project, _ = split_lane(claim.lane)
                self._projects[claim.lease, claim.task_id] = project
                self._count_for(project, claim, 1)

    def remove(self, claim: Claim) -> None:
        """Count a claim that has ended. An unknown claim is ignored."""
        key = claim.lease, claim.task_id
        self.bytes -= self._sizes.pop(key, 0)
        if claim.on_trial:
            self._on_trial.discard(key)
        if self._suspects:
            self._suspects.discard(key)
        if self._projects and (project := self._projects.pop(key, None)) is not None:
            self._count_for(project, claim, -1)

    def _count_for(self, project: str, claim: Claim, by: int) -> None:
        self._by_project[project] += by
        self._on_trial_by_project[project] += by * claim.on_trial
        self._bytes_by_project[project] += by * claim.size
        if not self._by_project[project]:
            for counter in (self._by_project, self._on_trial_by_project, self._bytes_by_project):
                del counter[project]

    def holds(self, lease: str, task_id: str) -> bool:
        """Return whether this process has claimed the task under the lease."""
        return (lease, task_id) in self._sizes

    def count(self, lease: str) -> int:
        """Count the claims under a lease."""
        return sum(of == lease for of, _ in self._sizes)

    def room(self, *, ending: Iterable[Claim] = ()) -> tuple[Argument, ...]:
        """Return the limits of the next claim, as arguments of ``claim.lua``.

        These are: max bytes (-1: no limit), 1 if nothing is in flight, max tasks from lanes on
        trial (claims that are ``ending`` make room), max tasks in flight, the number of suspects in
        flight, max tasks in flight from lanes on trial, and the tasks in flight of projects.
        """
        free = max(self.max_bytes - self.bytes, 0) if self.max_bytes else -1
        ends = list(ending)
        held = len(self._on_trial) - sum(claim.on_trial for claim in ends)
        on_trial = max(self.max_on_trial - held, 0)
        return (
            free, int(not self._sizes), on_trial, self.max_tasks, len(self._suspects),
            self.max_on_trial, *self._held_by_projects(len(self._sizes) - len(ends), held, ends),
        )  # fmt: skip

    def _held_by_projects(self, held: int, on_trial: int, ends: list[Claim]) -> list[Argument]:
        """Return name, tasks and tasks on trial of each project with many tasks in flight."""
        if not self._projects:
            return [DEFAULT_PROJECT, self._part(held, self.bytes), on_trial]
        ending = Counter(split_lane(claim.lane)[0] for claim in ends)
        ending_on_trial = Counter(split_lane(claim.lane)[0] for claim in ends if claim.on_trial)
        found: list[Argument] = []
        for project, tasks in self._by_project.items():
            left = tasks - ending[project]
            left_on_trial = self._on_trial_by_project[project] - ending_on_trial[project]
            held, on_trial = held - left, on_trial - left_on_trial
            part = self._part(left, self._bytes_by_project[project])
            if len(self._by_project) <= MAX_PROJECTS or part * MAX_PROJECTS >= self.max_tasks:
                found += [project, part, left_on_trial]
        rest = self.bytes - self._bytes_by_project.total()
        return [DEFAULT_PROJECT, self._part(held, rest), on_trial, *found]

    def _part(self, tasks: int, size: int) -> int:
        """Return the number of tasks that a project counts for: few large ones count as many."""
        return max(tasks, size * self.max_tasks // self.max_bytes) if self.max_bytes else tasks
