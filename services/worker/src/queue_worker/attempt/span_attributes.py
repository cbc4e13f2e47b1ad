"""The attributes of an attempt's spans."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from queue_common.logs import events
from queue_common.tracing import names

if TYPE_CHECKING:
    from queue_common.queue import Claim
    from queue_common.task import Attempt, Task

__all__ = [
    "Attributes", "error_type_attribute", "message_attributes", "request_attributes",
    "response_attributes",
]  # fmt: skip

Attributes = dict[str, str | int | float]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def message_attributes(claim: Claim, queue: str, operation: str) -> Attributes:
    """Return the attributes that every span of an attempt about its task has."""
    return {
        names.MESSAGING_SYSTEM: names.SYSTEM,
        names.DESTINATION_NAME: queue,
        names.MESSAGE_ID: claim.task_id,
        names.OPERATION_NAME: operation,
        names.OPERATION_TYPE: operation,
        events.TASK_ID: claim.task_id,
        **events.lane_fields(claim.lane),
        events.ATTEMPT: claim.attempt,
    }


def request_attributes(task: Task, number: int) -> Attributes:
    """Return the attributes of attempt ``number``'s request."""
    parts = urlsplit(task.url)
    attributes: Attributes = {
        names.HTTP_METHOD: task.method,
        # Without query string and credentials.
        names.URL_FULL: f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        names.SERVER_ADDRESS: parts.hostname or "",
        names.SERVER_PORT: parts.port or _DEFAULT_PORTS.get(parts.scheme, 0),
    }
    if number > 1:
        attributes[names.HTTP_RESEND_COUNT] = number - 1
    return attributes


def response_attributes(attempt: Attempt) -> Attributes:
    """Return the response's status, or the phase in which a timeout struck."""
    attributes: Attributes = {}
    if attempt.status_code is not None:
        attributes[names.HTTP_STATUS] = attempt.status_code
    if attempt.phase is not None:
        attributes[events.PHASE] = attempt.phase
    return attributes


def error_type_attribute(attempt: Attempt) -> Attributes:
    """Return ``error.type``: the outcome, or the status code if there is one."""
    status = attempt.status_code
    return {names.ERROR_TYPE: attempt.outcome if status is None else str(status)}
