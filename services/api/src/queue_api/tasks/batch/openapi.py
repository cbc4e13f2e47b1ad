"""The part of the OpenAPI document about batches."""

from __future__ import annotations

import json
from typing import Any

from ...openapi import (
    FORBIDDEN,
    HEALTH_URL,
    IDEMPOTENCY_KEY,
    json_response,
    problem_response,
    schema_of,
)
from .reader import NDJSON

__all__ = ["CREATE_TASKS"]

_LINE = {
    "type": "object",
    "properties": {
        "index": {"type": "integer", "description": "From 0, in the order of the request."},
        "status": {"type": "integer", "description": "201, 200 for a repetition, or an error's."},
        "task_id": {"type": "string"},
        "trace_id": {
            "type": "string",
            "description": "Of the task's trace; for a repetition of the first task's, if that is "
            "still kept.",
        },
        "problem": schema_of("Problem"),
        "retry_after": {
            "type": "integer",
            "description": "Seconds after which to send this task again, for a 429 or 503.",
        },
    },
    "required": ["index", "status"],
}
_EXAMPLE = [
    {"url": HEALTH_URL, "method": "GET"},
    {"url": HEALTH_URL, "method": "GET", "delay": "10s"},
]
_ANSWER = json_response(
    "What became of each task; in the form of the request.", {"type": "array", "items": _LINE}
)
_ANSWER["content"][NDJSON] = {
    "schema": {"type": "string", "description": "The same objects, one on each line."},
}
CREATE_TASKS: dict[str, Any] = {
    "tags": ["tasks"],
    "summary": "Create Tasks",
    "description": "Keep up to 10,000 requests in the queue. A bad one fails alone: the answer has "
    "a line for each, in order.\n\n"
    "The body is a JSON array of tasks, or NDJSON with one per line (`application/x-ndjson`), "
    "which is read as it comes; the answer has the same form. Lines over the limits of a batch, "
    "and a body that comes too slowly, end it: the last line of the answer says so, and those "
    "before it are stored as they say. An array over them is refused as a whole.",
    "operationId": "create_tasks_api_v1_tasks_batch_post",
    "parameters": [
        IDEMPOTENCY_KEY
        | {
            "description": "Each task without a key of its own gets this one, a colon, and its "
            "index: a batch that is sent again under its key makes no second task.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,250}$"},
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "maxItems": 10_000,
                    "items": {"description": "A TaskCreate."},
                },
                "example": _EXAMPLE,
            },
            NDJSON: {
                "schema": {"type": "string", "description": "A TaskCreate on each line."},
                "example": "".join(json.dumps(task) + "\n" for task in _EXAMPLE),
            },
        },
    },
    "responses": {
        "200": _ANSWER,
        "400": problem_response("The body is not JSON."),
        "403": FORBIDDEN,
        "413": problem_response(
            "The body is over API_MAX_BATCH, or an array over API_MAX_BUFFERED."
        ),
        "415": problem_response("The body is neither application/json nor application/x-ndjson."),
        "421": problem_response("The Host is not in API_ALLOWED_HOSTS."),
        "422": problem_response(
            "The body is no array, or has more than 10,000 tasks; or the Idempotency-Key is wrong.",
            "no-array",
            "batch-too-large",
        ),
    },
}
