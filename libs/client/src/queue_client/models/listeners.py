"""Listeners: a program that takes a lane's deliveries in a worker's place."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Delivery", "Listener", "ListenerResult"]


class Listener(msgspec.Struct, frozen=True):
    """A listener as the API knows it; each call for a delivery renews it."""

    id: str
    lane: str
    expires_at: datetime | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the listener is to make."""

    task_id: str
    attempt: int
    url: str
    method: str
    token: str
    """Names this delivery in its result."""
    headers: dict[str, str] = {}
    body_base64: str | None = None
    deadline_at: datetime | None = None


class ListenerResult(msgspec.Struct, frozen=True):
    """What the result made of the task."""

    state: str
    next_attempt_at: datetime | None = None
