"""The parts of the OpenAPI document about the routes that manage tasks."""

from __future__ import annotations

from typing import Any

from ...openapi import UNAVAILABLE, json_response, problem_response, schema_of

__all__ = [
    "CANCEL_TASK", "CURSOR", "FILTERS", "GET_TASK", "LIMIT", "LIST_ATTEMPTS",
    "LIST_TASKS", "NOT_FOUND", "PATH", "REFUSED", "REPLAY_TASK", "RUN_TASK", "TASK_ID",
    "WRONG_STATE", "idempotency_key", "of_replay", "parameter",
]  # fmt: skip

PATH = "/api/v1/tasks"
TASK_ID_EXAMPLE = "01a20d94-4598-77ff-aa01-ede0158d74bc"


def idempotency_key(description: str) -> dict[str, Any]:
    """Return the header that makes a call repeatable."""
    return {
        "name": "Idempotency-Key", "in": "header", "description": description,
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }  # fmt: skip


def parameter(
    name: str, description: str, schema: dict[str, Any] | None = None, **more: object
) -> dict[str, Any]:
    """Return a parameter of the query string."""
    return {
        "name": name, "in": "query", "description": description,
        "schema": schema or {"type": "string", "minLength": 1}, **more,
    }  # fmt: skip


TASK_ID = {
    "name": "task_id", "in": "path", "required": True,
    "schema": {"type": "string", "format": "uuid"}, "example": TASK_ID_EXAMPLE,
}  # fmt: skip
CURSOR = parameter("cursor", "Where the page begins: `cursor` of the page before.")
LIMIT = parameter(
    "limit", "At most this many.",
    {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
)  # fmt: skip
_TIME = {"type": "string", "format": "date-time"}
FILTERS = [
    parameter("state", "Without it: all states, one after the other.", schema_of("State")),
    parameter(
        "lane", "Tasks of this lane.", {"type": "string", "minLength": 1, "maxLength": 300},
        example="hooks.example.com:443",
    ),
    parameter(
        "label", "`key:value` of a label; several: all of them must be there.",
        {"type": "array", "maxItems": 16, "items": {"type": "string", "pattern": "^[^:]+:"}},
        style="form", explode=True, example=["customer:acme"],
    ),
    parameter(
        "url_prefix", "The beginning of the URL.",
        {"type": "string", "minLength": 1, "maxLength": 2083},
        example="https://hooks.example.com/orders",
    ),
    parameter("outcome", "The outcome of the last attempt.", schema_of("Outcome")),
    parameter(
        "status_code", "The status code of the last response.",
        {"type": "integer", "minimum": 100, "maximum": 999}, example=503,
    ),
    parameter("created_after", "Accepted after this time.", _TIME, example="2026-11-28T00:00:00Z"),
    parameter("created_before", "Accepted before this time.", _TIME),
    parameter(
        "idempotency_key", "The task that has this key is found at once, one that has lost it to a "
        "later task by the search.",
        {"type": "string", "minLength": 1, "maxLength": 255}, example="order-42",
    ),
]  # fmt: skip
NOT_FOUND = problem_response("No task of the project has this id, or its record has expired.")
REFUSED = problem_response("Parameters or fields are wrong; all of them are named.")
WRONG_STATE = problem_response("The task is in a state in which this cannot be done.")
_TASK = json_response("The task.", schema_of("TaskStatus"))

LIST_TASKS: dict[str, Any] = {
    "parameters": [*FILTERS, CURSOR, LIMIT],
    "responses": {
        "200": json_response("A page of tasks.", schema_of("TaskList")),
        "422": REFUSED,
        "503": UNAVAILABLE,
    },
}
GET_TASK: dict[str, Any] = {
    "parameters": [TASK_ID],
    "responses": {"200": _TASK, "404": NOT_FOUND, "503": UNAVAILABLE},
}
LIST_ATTEMPTS: dict[str, Any] = {
    "parameters": [TASK_ID],
    "responses": {
        "200": json_response("The attempts.", schema_of("AttemptList")),
        "404": NOT_FOUND,
        "503": UNAVAILABLE,
    },
}
CANCEL_TASK: dict[str, Any] = {
    "parameters": [TASK_ID],
    "responses": {"200": _TASK, "404": NOT_FOUND, "409": WRONG_STATE, "503": UNAVAILABLE},
}
RUN_TASK = CANCEL_TASK
_REPLAYED = schema_of("Replayed")
REPLAY_TASK: dict[str, Any] = {
    "parameters": [
        TASK_ID,
        idempotency_key("Calls with the same key make one task."),
    ],
    "requestBody": {
        "description": "What the new task has other than the old one.",
        "content": {
            "application/json": {
                "schema": schema_of("ReplayCreate"),
                "examples": {
                    "same": {"summary": "The same request", "value": {}},
                    "elsewhere": {
                        "summary": "To another URL",
                        "value": {"url": "https://hooks.example.com/v2/orders"},
                    },
                },
            }
        },
    },
    "responses": {
        "200": json_response("The task that an earlier call has made.", _REPLAYED),
        "201": json_response("A new task.", _REPLAYED),
        "400": problem_response("The body is not JSON."),
        "404": NOT_FOUND,
        "409": problem_response(
            "The task is not settled, or its headers and body are not kept any more."
        ),
        "413": problem_response("The body is over API_MAX_BODY."),
        "415": problem_response("The body is not application/json."),
        "422": problem_response("Fields are wrong, or the key was used with another body."),
        "429": problem_response("A limit, which is named, is reached."),
        "503": UNAVAILABLE,
    },
}  # fmt: skip


def of_replay(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a replay: its fields are a task's, but absent ones are kept."""
    properties = {
        name: {key: value for key, value in kind.items() if key != "default"}
        for name, kind in schema["properties"].items()
    }
    body = properties["body"]
    body["description"] = body["description"].replace("Absent: no body.", "Absent: as it was.")
    headers = properties["headers"]
    kept = "They replace all old ones, but the Content-Type of a body that stays."
    headers["description"] = f"{kept} {headers['description']}"
    return {
        **schema, "properties": properties, "not": {"required": ["body", "body_base64"]},
    }  # fmt: skip
