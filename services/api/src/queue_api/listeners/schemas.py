"""What listeners send and are answered, as types. Times are RFC 3339."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from queue_common.task import State

from ..tasks.option_schemas import MAX_LANE_CHARACTERS
from ..tasks.schemas import Base64

__all__ = ["SCHEMAS", "Delivery", "Listener", "ListenerCreate", "ListenerResult", "ResultCreate"]

LaneName = Annotated[
    str, Meta(min_length=1, max_length=MAX_LANE_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Host = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$")
]


class ListenerCreate(msgspec.Struct, forbid_unknown_fields=True):
    """Whose deliveries the listener takes: one of both."""

    lane: Annotated[LaneName, Meta(examples=["hooks.example.com:443"])] | UnsetType = UNSET
    host: Host | UnsetType = UNSET
    """A host's lane on port 443."""


class Listener(msgspec.Struct, frozen=True):
    """A listener; each call for a delivery renews it."""

    id: str
    lane: str
    expires_at: str


class Delivery(msgspec.Struct, frozen=True):
    """A request that the listener is to make."""

    task_id: str
    attempt: int
    url: str
    method: str
    headers: dict[str, str]
    """Those of a worker's request, but for its ``Host`` and ``User-Agent``."""
    body_base64: str | None
    deadline_at: str
    """When the attempt counts as timed out."""
    token: str
    """Names this delivery in its result."""


class ResultCreate(msgspec.Struct, forbid_unknown_fields=True):
    """How a delivery went: the response's status, or an error."""

    token: Annotated[str, Meta(min_length=1, max_length=100)]
    status_code: Annotated[int, Meta(ge=100, le=599)] | UnsetType = UNSET
    headers: Annotated[dict[str, str], Meta(max_length=100)] | UnsetType = UNSET
    body_base64: Base64 | UnsetType = UNSET
    """The beginning of the response's body is enough: 1 KiB is kept."""
    duration_ms: Annotated[float, Meta(ge=0, le=3_600_000)] | UnsetType = UNSET
    error: Annotated[str, Meta(min_length=1, max_length=300)] | UnsetType = UNSET
    """If there was no response: why."""


class ListenerResult(msgspec.Struct, frozen=True):
    """What the result made of the task."""

    state: State
    next_attempt_at: str | None


SCHEMAS = [ListenerCreate, Listener, Delivery, ResultCreate, ListenerResult]
"""Those that the OpenAPI document describes."""
