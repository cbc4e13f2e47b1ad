"""The routes of lanes, operations, dead letters and stats."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from ..models import (
    DeadLetterGroup,
    DeadLetterGroupPage,
    Filter,
    Lane,
    LaneLimits,
    LanePage,
    Me,
    Now,
    Operation,
    OperationPage,
    Problem,
    Purged,
    Stats,
    WorkerList,
)
from .answers import ProblemAnswer, answer, route

if TYPE_CHECKING:
    from .fake import FakeQueue

__all__ = ["QueueRoutes"]

LANE = "/api/v1/lanes/{}"
OPERATIONS = "/api/v1/operations"


class _NewOperation(msgspec.Struct):
    action: str
    filter: Filter
    rate: float | None = None
    dry_run: bool = False


class QueueRoutes:
    """What is not about one task."""

    def __init__(self, fake: FakeQueue) -> None:
        self._fake = fake
        self._operations: dict[str, Operation] = {}

    @route("GET", "/api/v1/lanes")
    def lanes(self, request: httpx.Request) -> httpx.Response:
        """Return all lanes."""
        prefix = request.url.params.get("prefix") or ""
        names = sorted({sent.lane for sent in self._fake.sent} | self._fake.paused)
        return answer(LanePage([self._lane(name) for name in names if name.startswith(prefix)]))

    @route("GET", LANE)
    def lane(self, _: httpx.Request, name: str) -> httpx.Response:
        """Return a lane."""
        return answer(self._lane(name))

    @route("PUT", LANE)
    def set_lane(self, request: httpx.Request, name: str) -> httpx.Response:
        """Set a lane's limits."""
        wanted: dict[str, Any] = msgspec.json.decode(request.content)
        if (paused := wanted.pop("paused", None)) is not None:
            self._pause(name, paused=paused)
        self._fake.limits[name] = wanted
        return answer(self._lane(name))

    @route("POST", LANE + "/pause")
    def pause(self, _: httpx.Request, name: str) -> httpx.Response:
        """Pause a lane."""
        self._pause(name, paused=True)
        return answer(self._lane(name))

    @route("POST", LANE + "/resume")
    def resume(self, _: httpx.Request, name: str) -> httpx.Response:
        """Let a lane go on."""
        self._pause(name, paused=False)
        return answer(self._lane(name))

    @route("POST", LANE + "/purge")
    def purge(self, _: httpx.Request, name: str) -> httpx.Response:
        """Cancel what waits in a lane."""
        found = [*self._fake.find(Filter(lane=name, state="queued"))]
        for sent in found:
            self._fake.act("cancel", sent.task_id)
        return answer(Purged(len(found)))

    @route("POST", OPERATIONS)
    def start(self, request: httpx.Request) -> httpx.Response:
        """Carry out an operation at once."""
        wanted = msgspec.json.decode(request.content, type=_NewOperation)
        if wanted.filter.ids == []:
            kind = "urn:queue-system:problem:validation"
            raise ProblemAnswer(Problem(kind, "Invalid request", 422, "filter.ids is empty"))
        found = [*self._fake.find(wanted.filter)]
        if not wanted.dry_run:
            for sent in found:
                self._fake.act(wanted.action, sent.task_id)
        now = datetime.now(timezone.utc)
        operation = Operation(
            id=uuid.uuid4().hex, action=wanted.action, state="done", rate=wanted.rate,
            filter=msgspec.to_builtins(wanted.filter), dry_run=wanted.dry_run,
            scanned=len(found), matched=len(found), done=0 if wanted.dry_run else len(found),
            created_at=now, updated_at=now, finished_at=now,
        )  # fmt: skip
        self._operations[operation.id] = operation
        return answer(operation, 202)

    @route("GET", OPERATIONS)
    def operations(self, _: httpx.Request) -> httpx.Response:
        """Return all operations, the newest first."""
        return answer(OperationPage([*self._operations.values()][::-1]))

    @route("GET", OPERATIONS + "/{}")
    def operation(self, _: httpx.Request, operation_id: str) -> httpx.Response:
        """Return an operation."""
        if operation_id not in self._operations:
            kind = "urn:queue-system:problem:unknown-operation"
            raise ProblemAnswer(Problem(kind, "Unknown operation", 404))
        return answer(self._operations[operation_id])

    @route("DELETE", OPERATIONS + "/{}")
    def stop(self, request: httpx.Request, operation_id: str) -> httpx.Response:
        """Return an operation, which has ended already."""
        return self.operation(request, operation_id)

    @route("GET", "/api/v1/dead-letters/groups")
    def groups(self, _: httpx.Request) -> httpx.Response:
        """Return the dead letters by lane and outcome."""
        groups: dict[tuple[str, str, int | None], DeadLetterGroup] = {}
        for sent in self._fake.find(Filter(state="dead")):
            last = sent.attempts[-1]
            key = (sent.lane, last.outcome, last.status_code)
            known = groups.get(key)
            groups[key] = DeadLetterGroup(
                lane=sent.lane, outcome=last.outcome, status_code=last.status_code,
                count=known.count + 1 if known else 1, example_task_id=sent.task_id,
                first_at=known.first_at if known else sent.finished_at, last_at=sent.finished_at,
            )  # fmt: skip
        return answer(DeadLetterGroupPage([*groups.values()]))

    @route("GET", "/api/v1/stats")
    def stats(self, _: httpx.Request) -> httpx.Response:
        """Return the counts of now."""
        count = Counter(sent.state for sent in self._fake.sent)
        now = Now(
            waiting=count["queued"], scheduled=count["scheduled"], dead=count["dead"],
            lanes=len({sent.lane for sent in self._fake.sent}),
        )  # fmt: skip
        return answer(Stats(datetime.now(timezone.utc), now))

    @route("GET", "/api/v1/workers")
    def workers(self, _: httpx.Request) -> httpx.Response:
        """Return no worker: there is none."""
        return answer(WorkerList([]))

    @route("GET", "/api/v1/me")
    def me(self, _: httpx.Request) -> httpx.Response:
        """Return that everybody may do everything."""
        scopes = ["enqueue", "read", "manage", "admin"]
        return answer(Me(scopes=scopes, auth="off"))

    @route("GET", "/(?:health|ready)")
    def health(self, _: httpx.Request) -> httpx.Response:
        """Return that all is well."""
        return answer({"status": "ok"})

    @route("GET", "/version")
    def version(self, _: httpx.Request) -> httpx.Response:
        """Return the client's version."""
        return answer({"version": version("queue-client"), "fake": True})

    def _lane(self, name: str) -> Lane:
        count = Counter(sent.state for sent in self._fake.find(Filter(lane=name)))
        limits = msgspec.convert(self._fake.limits.get(name, {}), LaneLimits)
        return Lane(
            lane=name, waiting=count["queued"], scheduled=count["scheduled"],
            active=count["active"], dead=count["dead"], paused=name in self._fake.paused,
            limits=limits,
        )  # fmt: skip

    def _pause(self, name: str, *, paused: bool) -> None:
        (self._fake.paused.add if paused else self._fake.paused.discard)(name)
