"""The OpenAPI document: FastAPI's, with our schemas and the parts of ``openapi``."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.openapi.utils import get_openapi

from queue_common.queue.admin.projects import Project

from .audit.schemas import AuditEntry, AuditPage
from .auth.guard import OPEN_PATHS
from .auth.schemas import Me
from .events.openapi import PATH as EVENTS_PATH
from .examples import add_examples
from .keys.schemas import Key, KeyCreate, KeyCreated, KeyPage
from .lanes.schemas import Lane, LaneList, LanePurged, LanePut
from .managed import MANAGED
from .openapi import BATCH_PATH, CREATE_TASK, DENIED, OPEN, PATH, REFERENCE
from .operations.openapi import of_actions
from .problems import Problem
from .projects.schemas import ProjectList, ProjectPut
from .routes.field_docs import describe_fields
from .routes.retry_preview import RetryPreview, RetryPreviewCreate
from .routes.workers import WorkerList
from .signing.schemas import SecretCreate, SecretCreated, Secrets
from .tasks.batch.openapi import CREATE_TASKS
from .tasks.manage.openapi import of_replay
from .tasks.schemas import TaskCreate, TaskCreated

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["install"]

_MODELS = (
    RetryPreviewCreate, RetryPreview,
    TaskCreate, TaskCreated, *MANAGED, Me, Problem,
    Key, KeyCreate, KeyCreated, KeyPage, SecretCreate, SecretCreated, Secrets,
    AuditEntry, AuditPage,
    Project, ProjectList, ProjectPut, Lane, LaneList, LanePurged, LanePut, WorkerList,
)  # fmt: skip


def install(app: FastAPI, *, checks_keys: bool) -> None:
    """Make the app serve this document, which is built once; with keys if the app checks them."""
    cached: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not cached:
            # The routes share parts, and other apps too.
            cached.update(deepcopy(_make(app)))
            if checks_keys:
                _add_keys(cached)
            add_examples(cached)
        return cached

    app.openapi = document  # type: ignore[method-assign]


def _make(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    document["paths"].setdefault(PATH, {})["post"] = CREATE_TASK
    document["paths"][BATCH_PATH] = {"post": CREATE_TASKS}
    _, schemas = msgspec.json.schema_components(_MODELS, ref_template=REFERENCE)
    describe_fields(schemas, _MODELS)
    # What types cannot say: one body and one due time at most.
    schemas["TaskCreate"]["not"] = {
        "anyOf": [{"required": ["body", "body_base64"]}, {"required": ["schedule_at", "delay"]}]
    }
    schemas["ReplayCreate"] = of_replay(schemas["ReplayCreate"])
    schemas["LimitsPut"]["anyOf"] = schemas["LanePut"]["anyOf"] = _BURST_WITH_RATE
    schemas["ListenerCreate"]["oneOf"] = [{"required": ["lane"]}, {"required": ["host"]}]
    schemas["ResultCreate"]["oneOf"] = [{"required": ["status_code"]}, {"required": ["error"]}]
    schemas["RetryCreate"] = _retry_schema(schemas["RetryCreate"])
    schemas["OperationCreate"] = of_actions(schemas["OperationCreate"], schemas["OperationFilter"])
    document.setdefault("components", {})["schemas"] = schemas
    # FastAPI adds JSON to each response; this one is a stream.
    del document["paths"][EVENTS_PATH]["get"]["responses"]["200"]["content"]["application/json"]
    return document


_BURST_WITH_RATE = [
    {"properties": {"burst": {"type": "null"}}},
    {"properties": {"rate": {"type": "number"}}, "required": ["rate"]},
]
"""A burst comes with a rate."""
_OF_STRATEGY = {
    "constant": {"interval"},
    "linear": {"interval", "max_interval"},
    "exponential": {"interval", "max_interval", "multiplier"},
    "schedule": {"delays"},
}


def _retry_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a retry policy as one of its strategies, each with its own fields."""
    properties: dict[str, Any] = schema["properties"]
    special = set().union(*_OF_STRATEGY.values())
    common = {name: kind for name, kind in properties.items() if name not in special}
    strategies = [
        {
            "type": "object",
            "title": strategy,
            "properties": {
                **common,
                "strategy": {
                    "enum": [strategy],
                    "description": properties["strategy"]["description"],
                },
                **{name: properties[name] for name in sorted(fields)},
            },
            "required": [
                *([] if strategy == "constant" else ["strategy"]),
                *(["delays"] if strategy == "schedule" else []),
            ],
            "additionalProperties": False,
        }
        for strategy, fields in _OF_STRATEGY.items()
    ]
    return {"title": schema["title"], "description": schema["description"], "anyOf": strategies}


def _add_keys(document: dict[str, Any]) -> None:
    scheme = {"type": "http", "scheme": "bearer", "description": "A key: qk_…"}
    document["components"]["securitySchemes"] = {"key": scheme}
    document["security"] = [{"key": []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path in OPEN_PATHS:
                operation.update(OPEN)
            else:
                operation["responses"] = {**DENIED, **operation["responses"]}
