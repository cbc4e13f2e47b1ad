"""WORKER_HOOKS: code of the user's own that runs in the worker, in the form of SAQ's settings."""

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
    """Return ``TaskWorker``'s options from a mapping, or from the attributes of anything else.

    Raises ValueError for a mapping with an unknown key, and if there is none of the options.
    """
    if isinstance(found, Mapping):
        unknown = set(found) - set(OPTIONS)
        if unknown:
            msg = f"has no {', '.join(sorted(map(str, unknown)))}; there are {', '.join(OPTIONS)}"
            raise ValueError(msg)
        return dict(found)
    options = {name: getattr(found, name) for name in OPTIONS if hasattr(found, name)}
    if not options:
        msg = f"should be package.module:object with one of {', '.join(OPTIONS)}"
        raise ValueError(msg)
    return options
