"""WORKER_HOOKS: user code that runs in the worker, in the format of SAQ's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["read_hooks"]

OPTIONS = (
    "startup",
    "shutdown",
    "before_process",
    "after_process",
    "functions",
    "cron_jobs",
    "cron_tz",
    "timers",
    "metadata",
)


def read_hooks(found: object) -> dict[str, Any]:
    """Return ``TaskWorker``'s options from a mapping, or from an object's attributes.

    Raises ValueError for a mapping with an unknown key, and for an object without any option.
    """
    if isinstance(found, Mapping):
        unknown = set(found) - set(OPTIONS)
        if unknown:
            msg = (
                f"unknown options: {', '.join(sorted(map(str, unknown)))}; "
                f"allowed are {', '.join(OPTIONS)}"
            )
            raise ValueError(msg)
        return dict(found)
    options = {name: getattr(found, name) for name in OPTIONS if hasattr(found, name)}
    if not options:
        msg = f"should be package.module:object with one of {', '.join(OPTIONS)}"
        raise ValueError(msg)
    return options
