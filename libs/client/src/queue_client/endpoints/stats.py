"""Stats, workers, and what a process says of itself."""

from __future__ import annotations

from typing import Any

from ..call import Events, get
from ..models import Event, Me, Stats, WorkerList

__all__ = ["StatsEndpoints"]


class StatsEndpoints:
    """What the queue does."""

    @get("/api/v1/me")
    def me(self) -> Me:
        """Return who the caller is to the API."""

    @get("/api/v1/stats")
    def stats(self) -> Stats:
        """Return the overview."""

    @get("/api/v1/workers")
    def list_workers(self) -> WorkerList:
        """Return the live workers."""

    @Events
    @get("/api/v1/events")
    def events(
        self, *, types: str | list[str] | None = None, state: str | None = None,
        lane: str | None = None, label: str | list[str] | None = None,
        last_event_id: str | None = None,
    ) -> Event:  # fmt: skip
        """Iterate over what happens from now on, or since ``last_event_id``.

        The stream has no end of its own; after a broken connection it goes on where it was. An
        event of the type ``gap``, whatever ``types`` are asked for, says that events before it may
        be missing: nobody watched for over 10 minutes, or more happened than is kept.
        """

    @get("/health")
    def health(self) -> dict[str, Any]:
        """Return at once if the API process lives."""

    @get("/ready")
    def ready(self) -> dict[str, Any]:
        """Return what Redis is like; raises UnavailableError if it is away."""

    @get("/version")
    def version(self) -> dict[str, Any]:
        """Return what runs."""
