"""Listeners: a program that takes a lane's deliveries in a worker's place."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..call import delete, get, post
from ..models import Delivery, Listener, ListenerResult

__all__ = ["ListenerEndpoints"]

LISTENER = "/api/v1/listeners/{listener_id}"


class ListenerEndpoints:
    """What ``queue listen`` does."""

    @post("/api/v1/listeners")
    def create_listener(
        self, *, lane: str | UnsetType = UNSET, host: str | UnsetType = UNSET
    ) -> Listener:
        """Take a lane's deliveries from now on, until the listener is gone for 30 s."""

    @get(LISTENER + "/next")
    def next_delivery(self, listener_id: str, *, wait: str | None = None) -> Delivery | None:
        """Return the next delivery; None if none came in the time ``wait``."""

    @post(LISTENER + "/results")
    def send_result(
        self, listener_id: str, *, token: str, status_code: int | UnsetType = UNSET,
        headers: dict[str, str] | UnsetType = UNSET, body_base64: str | UnsetType = UNSET,
        duration_ms: float | UnsetType = UNSET, error: str | UnsetType = UNSET,
    ) -> ListenerResult:  # fmt: skip
        """Report how a delivery went: a response's status, or an error."""

    @delete(LISTENER)
    def delete_listener(self, listener_id: str) -> None:
        """Give the lane back to the workers."""
