"""A task's request as a command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_client import TaskRequest

__all__ = ["as_curl"]


def as_curl(request: TaskRequest) -> str:
    """Return the request as a curl command for a shell; redacted values stay redacted."""
    parts = ["curl", "--request", shlex.quote(request.method), shlex.quote(request.url)]
    lines = [" ".join(parts)]
    lines += [
        f"--header {shlex.quote(f'{name}: {value}')}" for name, value in request.headers.items()
    ]
    if request.body_base64:
        decoded = f"printf %s {shlex.quote(request.body_base64)} | base64 --decode | "
        return decoded + " \\\n  ".join([*lines, "--data-binary @-"])
    if request.body:
        lines.append(f"--data-raw {shlex.quote(request.body)}")
    return " \\\n  ".join(lines)
