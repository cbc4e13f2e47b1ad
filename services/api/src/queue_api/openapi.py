"""The parts of the OpenAPI document about each route. ``document`` combines them."""

from __future__ import annotations

from typing import Any

from .problems import MEDIA_TYPE

__all__ = [
    "BATCH_PATH",
    "CREATE_TASK",
    "CREATE_TASKS",
    "DENIED",
    "HEALTH",
    "ME",
    "OPEN",
    "PATH",
    "READY",
    "REFERENCE",
    "UNAVAILABLE",
    "VERSION",
    "json_response",
    "problem_response",
    "query_parameter",
    "schema_of",
]

REFERENCE = "#/components/schemas/{name}"
_HEALTH_URL = "http://localhost:8080/health"
EXAMPLES = {
    "get": {
        "summary": "A GET, in this example of the API's own health page",
        "value": {"url": _HEALTH_URL, "method": "GET"},
    },
    "json": {
        "summary": "A JSON body; without a method it is a POST",
        "value": {
            "url": "http://localhost:8080/api/v1/tasks",
            "headers": {"X-Event": "order.created"},
            "body": {"url": _HEALTH_URL, "method": "GET"},
        },
    },
    "text": {
        "summary": "A body of text",
        "value": {
            "url": _HEALTH_URL,
            "method": "PUT",
            "headers": {"Content-Type": "text/plain"},
            "body": "Hello",
        },
    },
    "options": {
        "summary": "In an hour, with a timeout, a retry policy and a callback of its own",
        "value": {
            "url": _HEALTH_URL,
            "delay": "1h",
            "timeout": "2m",
            "retry": {
                "strategy": "exponential",
                "interval": "5s",
                "max_interval": "1h",
                "max_attempts": 12,
                "on": ["5xx", 429, "timeout", "connection"],
            },
            "success": ["2xx", 404],
            "lane": "invoices",
            "labels": {"customer": "42"},
            "idempotency_key": "order-1-created",
            "callback": {"url": _HEALTH_URL, "on": ["dead"]},
        },
    },
    "bytes": {
        "summary": "A body of bytes",
        "value": {
            "url": _HEALTH_URL,
            "headers": {"Content-Type": "application/octet-stream"},
            "body_base64": "AAEC/w==",
        },
    },
}


def json_response(description: str, schema: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a response with a JSON body of this schema."""
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
        **more,
    }


def problem_response(description: str, **more: object) -> dict[str, Any]:
    """Return a response with a problem document."""
    content = {MEDIA_TYPE: {"schema": schema_of("Problem")}}
    return {"description": description, "content": content, **more}


def schema_of(name: str) -> dict[str, Any]:
    """Return a reference to one of the document's schemas."""
    return {"$ref": REFERENCE.format(name=name)}


def query_parameter(name: str, description: str, **schema: object) -> dict[str, Any]:
    """Return a parameter of the query string that may be left out."""
    text = {"type": "string", **schema}
    return {"name": name, "in": "query", "description": description, "schema": text}


_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
}
UNAVAILABLE = problem_response("Redis is away, full or read-only.", headers=_RETRY_AFTER)
_OBJECT = {"type": "object"}
_LIMITED = {
    **_RETRY_AFTER,
    "RateLimit-Policy": {
        "description": 'The limit, such as `"rate";q=20;w=2`: 20 tasks in 2 s.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of it, such as `"rate";r=0;t=1`: none, for 1 s.',
        "schema": {"type": "string"},
    },
}

PATH = "/api/v1/tasks"
BATCH_PATH = f"{PATH}/batch"
CREATE_TASK: dict[str, Any] = {
    "tags": ["tasks"],
    "summary": "Create Task",
    "description": "Keep a request in the queue; a worker makes it as soon as one is free.\n\n"
    "The answer comes once the task is on disk in Redis. The header Idempotency-Key may take the "
    "place of the field idempotency_key.",
    "operationId": "create_task_api_v1_tasks_post",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": schema_of("TaskCreate"), "examples": EXAMPLES}},
    },
    "responses": {
        "201": json_response(
            "The task is in the queue.",
            schema_of("TaskCreated"),
            headers={
                "Location": {"description": "The URL of the task.", "schema": {"type": "string"}}
            },
        ),
        "200": json_response(
            "The same request has made this task before.",
            schema_of("TaskCreated"),
            headers={
                "Idempotent-Replayed": {"description": "true", "schema": {"type": "string"}},
                "Location": {"description": "The URL of the task.", "schema": {"type": "string"}},
            },
        ),
        "400": problem_response("The body is not JSON."),
        "409": problem_response("Another task has this task_id."),
        "403": problem_response("A web page of another site sent it."),
        "413": problem_response("The body is over API_MAX_BODY."),
        "415": problem_response("The body is not application/json."),
        "421": problem_response("The Host is not in API_ALLOWED_HOSTS."),
        "422": problem_response("Fields are wrong; all of them are named."),
        "429": problem_response("A limit, which is named, is reached.", headers=_LIMITED),
        "503": UNAVAILABLE,
    },
}
_BATCH_LINE = {
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
_BATCH_EXAMPLE = [
    {"url": _HEALTH_URL, "method": "GET"},
    {"url": _HEALTH_URL, "method": "GET", "delay": "10s"},
]
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
        {
            "name": "Idempotency-Key",
            "in": "header",
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
                "example": _BATCH_EXAMPLE,
            }
        },
    },
    "responses": {
        "200": json_response("What became of each task.", {"type": "array", "items": _BATCH_LINE}),
        "400": problem_response("The body is not JSON."),
        "403": problem_response("A web page of another site sent it."),
        "413": problem_response(
            "The body is over API_MAX_BATCH, or an array over API_MAX_BUFFERED."
        ),
        "415": problem_response("The body is neither application/json nor application/x-ndjson."),
        "421": problem_response("The Host is not in API_ALLOWED_HOSTS."),
        "422": problem_response("The body is no array, or has more than 10,000 tasks."),
    },
}
HEALTH: dict[str, Any] = {"responses": {"200": json_response("The process lives.", _OBJECT)}}
READY: dict[str, Any] = {
    "responses": {"200": json_response("Redis answers.", _OBJECT), "503": UNAVAILABLE}
}
VERSION: dict[str, Any] = {"responses": {"200": json_response("The version.", _OBJECT)}}
ME: dict[str, Any] = {"responses": {"200": json_response("Who the caller is.", schema_of("Me"))}}
OPEN: dict[str, Any] = {"security": []}
DENIED = {
    "401": problem_response("The request has no valid key."),
    "403": problem_response("The key lacks a scope or belongs to another project."),
}
