"""Examples of responses for the OpenAPI document: what a running API has answered."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from .problems import MEDIA_TYPE
from .tasks.batch.reader import NDJSON

__all__ = ["add_examples"]


def add_examples(document: dict[str, Any]) -> None:
    """Give each response that has none an example: by its schema, its path or its status."""
    examples = json.loads((resources.files(__package__) / "examples.json").read_text())
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if "application/json" in content:
                    _add(content["application/json"], path, examples)
                if NDJSON in content:
                    lines = map(json.dumps, examples["paths"][path])
                    content[NDJSON]["example"] = "".join(f"{line}\n" for line in lines)
                if MEDIA_TYPE in content:
                    _add_problems(content[MEDIA_TYPE], status, examples)


def _add(media: dict[str, Any], path: str, examples: dict[str, Any]) -> None:
    if "example" not in media:
        name = media["schema"].get("$ref", "").rpartition("/")[2]
        media["example"] = examples["responses"][name] if name else examples["paths"][path]


def _add_problems(media: dict[str, Any], status: str, examples: dict[str, Any]) -> None:
    if "examples" in media:
        media["examples"] = {name: {"value": examples["named"][name]} for name in media["examples"]}
    else:
        media["example"] = examples["problems"][status]
