"""The HTTP contract: what is sent and answered, as types; the OpenAPI document comes from them.

Patterns stand here for the document's readers alone. What holds is in ``checks``: JSON Schema's
``$`` is not Python's, which lets a newline pass.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from queue_common.lanes import DEFAULT_PROJECT
from queue_common.task import Outcome, State

__all__ = ["AttemptStatus", "TaskCreate", "TaskCreated", "TaskStatus"]

MAX_URL_CHARACTERS = 2083
MAX_HEADERS = 100
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE = r"^[^\x00-\x08\x0a-\x1f\x7f]*$"
BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def _in_any_case(word: str) -> str:
    # (?i:GET) would do here, but not in the browsers that read the OpenAPI document.
    return "".join(f"[{letter}{letter.lower()}]" for letter in word)


Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="Absolute http or https URL without credentials; a fragment is not sent.",
        extra_json_schema={"format": "uri", "pattern": "^[hH][tT][tT][pP][sS]?://"},
        examples=["http://localhost:8080/health"],
    ),
]
Method = Annotated[
    str,
    Meta(
        description="GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in any case.",
        extra_json_schema={
            "pattern": f"^(?:{'|'.join(map(_in_any_case, METHODS))})$",
            "default": "POST",
        },
        examples=["POST"],
    ),
]
Headers = Annotated[
    dict[str, Annotated[str, Meta(extra_json_schema={"pattern": HEADER_VALUE})]],
    Meta(
        max_length=MAX_HEADERS,
        description="Sent as they are, in UTF-8. Hop-by-hop headers, Host and Content-Length are "
        "refused.",
        examples=[{"X-Event": "order.created"}],
        extra_json_schema={"propertyNames": {"pattern": HEADER_NAME}, "default": {}},
    ),
]
Body = Annotated[
    msgspec.Raw,
    Meta(
        description="A string is sent as it is; any other JSON value, null too, as JSON with "
        "Content-Type: application/json unless a header says otherwise. Absent: no body.",
        examples=[{"order_id": 1, "status": "created"}],
    ),
]
Base64 = Annotated[
    str,
    Meta(
        description="The body as bytes in standard base64; not together with body.",
        examples=["AAEC/w=="],
        extra_json_schema={"contentEncoding": "base64", "pattern": BASE64},
    ),
]


class TaskCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A request to be made. What is UNSET was absent: ``duplicates`` counts on it."""

    url: Url
    method: Method | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    body: Body | UnsetType = UNSET
    body_base64: Base64 | UnsetType = UNSET


class TaskCreated(msgspec.Struct, frozen=True):
    """The task is safe in the queue."""

    task_id: str
    message: str
    trace_id: str
    """The trace in which the task's whole life is, from this request to the last attempt."""
    trace_url: str | UnsetType = UNSET
    """Where it can be seen; only with TRACE_URL_TEMPLATE."""


class AttemptStatus(msgspec.Struct, frozen=True):
    """How one request went."""

    number: int
    """From 1."""
    started_at: str
    duration_ms: float
    outcome: Outcome
    status_code: int | None
    error: str | None


class TaskStatus(msgspec.Struct, frozen=True):
    """What became of a task. Times are RFC 3339 in UTC."""

    id: str
    state: State
    url: str | None
    """Without its query string, which may hold secrets."""
    method: str | None
    lane: str
    attempts: int
    interrupted: int
    """Attempts in a row that were cut short because their worker died; they do not count."""
    next_attempt_at: str | None
    last_attempt: AttemptStatus | None
    created_at: str | None
    deadline_at: str | None
    finished_at: str | None
    trace_id: str | None
    trace_url: str | UnsetType = UNSET
    """Where the trace can be seen; only with TRACE_URL_TEMPLATE."""
    project: str = DEFAULT_PROJECT
    """The project of the key that sent it."""
