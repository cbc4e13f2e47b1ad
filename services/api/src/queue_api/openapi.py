"""The parts of the OpenAPI document about each route. ``document`` combines them."""

from __future__ import annotations

from typing import Any

from .problems import MEDIA_TYPE

__all__ = [
    "BATCH_PATH",
    "CREATE_TASK",
    "DENIED",
    "FORBIDDEN",
    "HEALTH",
    "HEALTH_URL",
    "IDEMPOTENCY_KEY",
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
HEALTH_URL = "http://localhost:8080/health"
EXAMPLES = {
    "get": {
        "summary": "A GET, in this example of the API's own health page",
        "value": {"url": HEALTH_URL, "method": "GET"},
    },
    "json": {
        "summary": "A JSON body; without a method it is a POST",
        "value": {
            "url": "http://localhost:8080/api/v1/tasks",
            "headers": {"X-Event": "order.created"},
            "body": {"url": HEALTH_URL, "method": "GET"},
        },
    },
    "text": {
        "summary": "A body of text",
        "value": {
            "url": HEALTH_URL,
            "method": "PUT",
            "headers": {"Content-Type": "text/plain"},
            "body": "Hello",
        },
    },
    "options": {
        "summary": "In an hour, with a timeout, a retry policy and a callback of its own",
        "value": {
            "url": HEALTH_URL,
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
            "callback": {"url": HEALTH_URL, "on": ["dead"]},
        },
    },
    "bytes": {
        "summary": "A body of bytes",
        "value": {
            "url": HEALTH_URL,
            "headers": {"Content-Type": "application/octet-stream"},
            "body_base64": "AAEC/w==",
        },
    },
}


def json_response(
    description: str, schema: dict[str, Any], *, example: object = None, **more: object
) -> dict[str, Any]:
    """Return a response with a JSON body of this schema; without an example, there is the usual."""
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {"application/json": content}, **more}


def problem_response(description: str, *examples: str, **more: object) -> dict[str, Any]:
    """Return a response with a problem document.

    ``examples`` names those in ``examples.json``; without them there is the status's usual one.
    """
    content: dict[str, Any] = {"schema": schema_of("Problem")}
    if examples:
        content["examples"] = {name: {} for name in examples}
    return {"description": description, "content": {MEDIA_TYPE: content}, **more}


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

FORBIDDEN = problem_response(
    "The key lacks the scope enqueue, or belongs to another project; or a web page of another site "
    "sent the request.",
    "forbidden", "cross-site",
)  # fmt: skip
PATH = "/api/v1/tasks"
BATCH_PATH = f"{PATH}/batch"
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A name for this request, as the field idempotency_key; given once, and the "
    "same if both are given.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "example": "order-1-created",
}
CREATE_TASK: dict[str, Any] = {
    "tags": ["tasks"],
    "summary": "Create Task",
    "description": "Keep a request in the queue; a worker makes it as soon as one is free.\n\n"
    "The answer comes once the task is on disk in Redis. The header Idempotency-Key may take the "
    "place of the field idempotency_key.",
    "operationId": "create_task_api_v1_tasks_post",
    "parameters": [IDEMPOTENCY_KEY],
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
            example={
                "task_id": "01a2250f-12b6-7c98-8494-73ce4901e6f6",
                "message": "Task exists already",
                "trace_id": "1316904c59143b2c3b17276933676759",
            },
            headers={
                "Idempotent-Replayed": {"description": "true", "schema": {"type": "string"}},
                "Location": {"description": "The URL of the task.", "schema": {"type": "string"}},
            },
        ),
        "400": problem_response("The body is not JSON."),
        "409": problem_response("Another task has this task_id."),
        "403": FORBIDDEN,
        "413": problem_response("The body is over API_MAX_BODY."),
        "415": problem_response("The body is not application/json."),
        "421": problem_response("The Host is not in API_ALLOWED_HOSTS."),
        "422": problem_response(
            "Fields are wrong, and all of them are named; or the idempotency key belongs to "
            "another request; or the destination must not be delivered to.",
            "invalid-task",
            "idempotency-conflict",
            "egress-refused",
        ),
        "429": problem_response(
            "A limit of the project, the lane or the queue, which is named, is reached.",
            "limit-exceeded",
            "backlog-full",
            headers=_LIMITED,
        ),
        "503": UNAVAILABLE,
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
