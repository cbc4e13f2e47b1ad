"""What the OpenAPI document says of events."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, problem_response
from ..tasks.manage.openapi import FILTERS, REFUSED, parameter

__all__ = ["EVENTS", "PATH", "TYPES"]

PATH = "/api/v1/events"
TYPES = (
    "task.accepted", "attempt.failed", "task.delivered", "task.dead", "task.cancelled",
    "task.requeued", "task.deleted", "lane.paused", "lane.resumed", "lane.purged",
)  # fmt: skip
_EXAMPLE = """id: 1795905886123-0
event: task.delivered
data: {"type":"task.delivered","at":"2026-11-28T22:44:46.123Z","lane":"hooks.example.com:443"}

"""
EVENTS: dict[str, Any] = {
    "parameters": [
        *(found for found in FILTERS if found["name"] in {"state", "lane", "label"}),
        parameter("types", "Names of events, separated by commas.", example="task.dead"),
        {
            "name": "Last-Event-ID", "in": "header",
            "description": "The `id` of the last event that the client has: it gets those behind "
            "it, as far as they are kept (10 minutes, 10,000 events). If some may be missing, an "
            "event `gap` comes first.",
            "schema": {"type": "string", "pattern": "^[0-9]{1,15}-[0-9]{1,15}$"},
        },
    ],
    "responses": {
        "200": {
            "description": "Events, until the client leaves. `gap`, which comes whatever the "
            "filter is, says that events before it may be missing: read the state again.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        "422": REFUSED,
        "429": problem_response("1,000 clients watch in this process already."),
        "503": UNAVAILABLE,
    },
}  # fmt: skip
