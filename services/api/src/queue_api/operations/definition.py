"""From what a client asks for to an operation, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from queue_common.lanes import lane_in, split_lane
from queue_common.queue import STATES_OF, Definition, TaskFilter
from queue_common.task import State

from ..parameters import invalid_request, parse_time, written_time
from ..problems import FieldError
from ..tasks.manage.filters import read_labels
from .schemas import OperationFilter, OperationStatus

if TYPE_CHECKING:
    from queue_common.queue import Operation

    from ..auth import Principal
    from .schemas import OperationCreate

__all__ = ["read_definition", "status_of"]


def read_definition(asked: OperationCreate, principal: Principal, now_ms: int) -> Definition:
    """Return the operation; raises ProblemError 422 that names what is wrong."""
    errors: list[FieldError] = []
    given = asked.filter
    states = STATES_OF[asked.action]
    if given.state is not None and given.state not in states:
        reason = f"should be {' or '.join(states)} for {asked.action}"
        errors.append(FieldError("filter.state", reason))
    before_ms = _time("created_before", given.created_before, errors)
    wanted = TaskFilter(
        project=principal.project,
        states=states if given.state is None else (given.state,),
        lane=None if given.lane is None else lane_in(principal.project, given.lane),
        labels=read_labels(given.label, errors),
        url_prefix=given.url_prefix,
        outcome=given.outcome,
        status_code=given.status_code,
        created_after_ms=_time("created_after", given.created_after, errors),
        # What comes later is not meant: an operation ends.
        created_before_ms=now_ms if before_ms is None else min(before_ms, now_ms),
    )
    ids = _ids(given.ids, errors)
    if errors:
        raise invalid_request(errors)
    hosts = None if principal.allowed_hosts is None else principal.allowed_hosts.patterns
    return Definition(
        asked.action, wanted, ids, asked.rate, asked.dry_run, principal.key_id, hosts,
        traceparent=_traceparent(),
    )  # fmt: skip


def _traceparent() -> str | None:
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def _time(name: str, text: str | None, errors: list[FieldError]) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        errors.append(FieldError(f"filter.{name}", str(error)))
        return None


def _ids(texts: list[str] | None, errors: list[FieldError]) -> tuple[str, ...] | None:
    try:
        return None if texts is None else tuple(dict.fromkeys(str(UUID(text)) for text in texts))
    except ValueError:
        errors.append(FieldError("filter.ids", "should be ids of tasks, which are UUIDs"))
        return None


def status_of(operation: Operation) -> OperationStatus:
    """Return what is told of an operation."""
    definition = operation.definition
    settled = operation.done + operation.skipped + operation.failed
    return OperationStatus(
        id=operation.id,
        project=operation.project,
        action=definition.action,
        state=operation.state,
        filter=_filter(definition),
        rate=definition.rate,
        dry_run=definition.dry_run,
        scanned=operation.scanned,
        # A step that was begun again after a crash matches what was not changed before.
        matched=max(operation.matched, settled),
        done=operation.done,
        skipped=operation.skipped,
        failed=operation.failed,
        error=operation.error,
        created_at=written_time(operation.created_at_ms) or "",
        updated_at=written_time(operation.updated_at_ms) or "",
        finished_at=written_time(operation.finished_at_ms),
        created_by=definition.created_by,
    )


def _filter(definition: Definition) -> OperationFilter:
    wanted = definition.wanted
    states: tuple[State, ...] = wanted.states
    return OperationFilter(
        state=states[0] if states != STATES_OF[definition.action] else None,
        lane=None if wanted.lane is None else split_lane(wanted.lane)[1],
        label=[f"{key}:{value}" for key, value in wanted.labels],
        url_prefix=wanted.url_prefix,
        outcome=wanted.outcome,
        status_code=wanted.status_code,
        created_after=written_time(wanted.created_after_ms),
        created_before=written_time(wanted.created_before_ms),
        ids=None if definition.ids is None else list(definition.ids),
    )
