"""The parts of the OpenAPI document about the stats."""

from __future__ import annotations

from typing import Any

from ..openapi import UNAVAILABLE, json_response, schema_of

__all__ = ["PATH", "STATS"]

PATH = "/api/v1/stats"
STATS: dict[str, Any] = {
    "responses": {
        "200": json_response("The stats.", schema_of("Stats")),
        "503": UNAVAILABLE,
    },
}
