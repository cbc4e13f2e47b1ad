"""Listeners: make one, wait for its deliveries, tell how they went, end it."""

from __future__ import annotations

import asyncio
import binascii
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from msgspec import UNSET

from queue_common.errors import LeaseLostError
from queue_common.lanes import lane_in, split_lane
from queue_common.queue.consuming.listeners import LEASE_MS
from queue_common.retry import Dead, Done, RetryAt, decide
from queue_common.task import State

from ..auth import MayListen, MayManage
from ..parameters import Query, invalid_request, read_body, respond, written_time
from ..problems import FieldError, ProblemError
from . import openapi
from .attempts import attempt_of, token_of
from .deliveries import next_delivery_of, settle_overdue
from .schemas import Listener, ListenerCreate, ListenerResult, ResultCreate

if TYPE_CHECKING:
    from queue_common.retry import Decision

    from ..app_context import AppContext
    from ..auth import Principal

__all__ = ["router"]

router = APIRouter(tags=["listeners"])
POLL_SECONDS, MAX_POLL_SECONDS = 0.05, 0.25
DEFAULT_WAIT_SECONDS, MAX_WAIT_SECONDS = 20, 25
"""Less than a listener's life, which each call renews."""
_WAIT = re.compile(r"[0-9]{1,2}s")
_STATES = {Done: State.DELIVERED, Dead: State.DEAD, RetryAt: State.SCHEDULED}


@router.post(openapi.PATH, openapi_extra=openapi.CREATE, status_code=HTTPStatus.CREATED)
async def create_listener(request: Request, principal: MayListen) -> Response:
    """Take a lane's deliveries from the workers, for as long as the listener calls.

    A lane has one listener: a new one replaces the one before. It gets whole requests, secrets
    included: its key has the scopes `manage` and `enqueue`, and no `allowed_hosts`.
    """
    context: AppContext = request.app.state.api
    wanted = await read_body(request, ListenerCreate)
    lane = _lane_of(wanted)
    listener_id = await context.queue.listeners.create(lane_in(principal.project, lane))
    if listener_id is None:
        detail = "There are as many listeners as there may be."
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS, "limit-exceeded", detail, limit="listeners"
        )
    await context.audit.record(principal, "listener.create", lane)
    expires_at = written_time(round(time.time() * 1000) + LEASE_MS) or ""
    return respond(Listener(listener_id, lane, expires_at), HTTPStatus.CREATED)


def _lane_of(wanted: ListenerCreate) -> str:
    if wanted.host is UNSET and wanted.lane is not UNSET:
        return wanted.lane
    if wanted.lane is UNSET and wanted.host is not UNSET:
        return f"{wanted.host.lower()}:443"
    raise invalid_request([FieldError("lane", "should be given, or host in its place")])


@router.get(openapi.PATH + "/{listener_id}/next", openapi_extra=openapi.NEXT)
async def next_delivery(request: Request, principal: MayListen) -> Response:
    """Wait for the next delivery of a listener's lane; each call renews the listener.

    The result has to come within the attempt's timeout: else the task is tried again.
    """
    query = Query(request, {"wait"})
    wait = query.read("wait", _wait_seconds)
    query.check()
    context: AppContext = request.app.state.api
    listener_id, _ = await _listener(request, principal)
    await settle_overdue(context, listener_id)
    end = time.monotonic() + (DEFAULT_WAIT_SECONDS if wait is None else wait)
    poll = POLL_SECONDS
    while True:
        context.authenticator.check_valid(principal)
        try:
            delivery = await next_delivery_of(context, listener_id)
        except LeaseLostError:
            raise _gone() from None
        if delivery is not None:
            return respond(delivery)
        if time.monotonic() >= end or await request.is_disconnected():
            return Response(status_code=HTTPStatus.NO_CONTENT)
        await asyncio.sleep(poll)
        poll = min(poll * 1.5, MAX_POLL_SECONDS)


@router.post(openapi.PATH + "/{listener_id}/results", openapi_extra=openapi.RESULT)
async def send_result(request: Request, principal: MayListen) -> Response:
    """Tell how a delivery went: the listener's response is the attempt's."""
    context: AppContext = request.app.state.api
    result = await read_body(request, ResultCreate)
    if (result.status_code is UNSET) == (result.error is UNSET):
        raise invalid_request([FieldError("status_code", "should be given, or error in its place")])
    listener_id, _ = await _listener(request, principal)
    held = await context.queue.listeners.claims(listener_id)
    claim = next((one for one in held if token_of(one) == result.token), None)
    if claim is None or claim.task is None:
        raise _not_its_own()
    now_ms = round(time.time() * 1000)
    try:
        attempt = attempt_of(claim, claim.task, result, now_ms)
    except (binascii.Error, ValueError):
        raise invalid_request([FieldError("body_base64", "is not base64")]) from None
    decision = decide(attempt, claim.task, context.policy, now_ms, seed=claim.task_id)
    try:
        cancelled = await context.queue.listeners.settle(claim, attempt, decision)
    except LeaseLostError:
        raise _not_its_own() from None
    return respond(_result(decision, cancelled=cancelled))


def _result(decision: Decision, *, cancelled: bool) -> ListenerResult:
    if cancelled:
        return ListenerResult(State.CANCELLED, None)
    due = decision.due_at_ms if isinstance(decision, RetryAt) else None
    return ListenerResult(_STATES[type(decision)], written_time(due))


@router.delete(
    openapi.PATH + "/{listener_id}", openapi_extra=openapi.DELETE, status_code=HTTPStatus.NO_CONTENT
)
async def delete_listener(request: Request, principal: MayManage) -> Response:
    """Give the lane, and the deliveries without a result, back to the workers."""
    context: AppContext = request.app.state.api
    listener_id, lane = await _listener(request, principal)
    await context.queue.listeners.end(listener_id)
    await context.audit.record(principal, "listener.delete", lane)
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _listener(request: Request, principal: Principal) -> tuple[str, str]:
    """Return the id and the lane of a listener of the project; raises ProblemError 404."""
    context: AppContext = request.app.state.api
    listener_id: str = request.path_params["listener_id"]
    queue_lane = await context.queue.listeners.lane_of(listener_id)
    project, lane = split_lane(queue_lane or "")
    if queue_lane is None or project != principal.project:
        raise _gone()
    return listener_id, lane


def _wait_seconds(text: str) -> int:
    if not _WAIT.fullmatch(text) or int(text[:-1]) > MAX_WAIT_SECONDS:
        msg = f"should be 0s to {MAX_WAIT_SECONDS}s"
        raise ValueError(msg)
    return int(text[:-1])


def _gone() -> ProblemError:
    detail = "The listener is gone: 30 s without a call, deleted, or replaced by another."
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-listener", detail)


def _not_its_own() -> ProblemError:
    detail = "The delivery is not this listener's any more: it has a result, or its time is over."
    return ProblemError(HTTPStatus.CONFLICT, "conflict", detail)
