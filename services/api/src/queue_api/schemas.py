"""The HTTP contract: what is sent and answered, as types; the OpenAPI document comes from them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from queue_common.task import Outcome, State

__all__ = ["AttemptStatus", "TaskCreate", "TaskCreated", "TaskStatus"]

URL_MOST_CHARACTERS = 2083
HEADERS_MOST = 100

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_MOST_CHARACTERS,
        pattern=r"^[hH][tT][tT][pP][sS]?://",
        description="Absolute http or https URL without credentials; a fragment is not sent.",
        examples=["http://localhost:8080/health"],
    ),
]
Method = Annotated[
    str,
    Meta(
        pattern=r"^(?i:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$",
        description="GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in any case.",
        examples=["POST"],
    ),
]
Headers = Annotated[
    dict[str, str],
    Meta(
        max_length=HEADERS_MOST,
        description="Sent as they are. Hop-by-hop headers, Host and Content-Length are refused.",
        examples=[{"X-Event": "order.created"}],
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
    ),
]


class TaskCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A request to be made."""

    url: Url
    method: Method = "POST"
    headers: Headers = {}
    body: Body | UnsetType = UNSET
    body_base64: Base64 | UnsetType = UNSET


class TaskCreated(msgspec.Struct, frozen=True):
    """The task is safe in the queue."""

    task_id: str
    message: str


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
    """Attempts cut short because their worker died; they do not count."""
    next_attempt_at: str | None
    last_attempt: AttemptStatus | None
    created_at: str | None
    deadline_at: str | None
    finished_at: str | None
