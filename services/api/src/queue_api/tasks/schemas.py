"""The types of requests and responses, from which the OpenAPI document is made.

The patterns are only for readers of that document. The rules that apply are in ``checks``: ``$`` in
JSON Schema differs from Python's, which also matches before a newline.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .option_schemas import (
    CallbackCreate,
    Delay,
    Headers,
    IdempotencyKey,
    Labels,
    Lane,
    RetryCreate,
    Statuses,
    Time,
    Timeout,
    Url,
    Uuid,
)

__all__ = ["TaskCreate", "TaskCreated"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def _in_any_case(word: str) -> str:
    # (?i:GET) would do here, but not in the browsers that read the OpenAPI document.
    return "".join(f"[{letter}{letter.lower()}]" for letter in word)


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
    task_id: Uuid | UnsetType = UNSET
    lane: Lane | UnsetType = UNSET
    schedule_at: Time | UnsetType = UNSET
    delay: Delay | UnsetType = UNSET
    timeout: Timeout | UnsetType = UNSET
    retry: RetryCreate | UnsetType = UNSET
    success: Statuses | UnsetType = UNSET
    idempotency_key: IdempotencyKey | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET
    callback: CallbackCreate | UnsetType = UNSET


class TaskCreated(msgspec.Struct, frozen=True):
    """The response to an accepted task."""

    task_id: str
    message: str
    trace_id: str
    """The trace of the task, from this request to the last attempt."""
    trace_url: str | UnsetType = UNSET
    """The URL of the trace; only with TRACE_URL_TEMPLATE."""
