"""Brings the docstrings of fields, which msgspec does not read, into the OpenAPI document."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["describe_fields"]


def describe_fields(schemas: dict[str, Any], models: Iterable[type]) -> None:
    """Give the properties of the models' schemas, and of what is in them, a description each.

    One that a field's type has already stays.
    """
    for kind in set(_structs(msgspec.inspect.multi_type_info(models))):
        properties = schemas.get(kind.__name__, {}).get("properties", {})
        for name, text in _docs(kind).items():
            if name in properties:
                properties[name].setdefault("description", text)


def _structs(info: object) -> Iterator[type]:
    """Return the structs in what msgspec knows of types."""
    if isinstance(info, list | tuple):
        for one in info:
            yield from _structs(one)
    elif isinstance(info, msgspec.inspect.Type | msgspec.inspect.Field):
        if isinstance(info, msgspec.inspect.StructType):
            yield info.cls
        yield from _structs([getattr(info, name) for name in info.__struct_fields__])


def _docs(kind: type) -> dict[str, str]:
    """Return the docstrings of a struct's fields, inherited ones too."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _docs_of_module(base.__module__).get(base.__name__, {})
    return found


@functools.cache
def _docs_of_module(name: str) -> dict[str, dict[str, str]]:
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError):  # built in, or compiled without its source
        return {}
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: dict(_docs_of_class(node)) for node in classes}


def _docs_of_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in pairwise(node.body):
        if (
            isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):  # fmt: skip
            yield field.target.id, " ".join(after.value.value.replace("``", "`").split())
