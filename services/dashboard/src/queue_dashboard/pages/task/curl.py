"""A task's request as a command."""

from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING

from ...view.words import visible

if TYPE_CHECKING:
    from queue_client import TaskRequest

__all__ = ["as_curl"]


def as_curl(request: TaskRequest) -> str:
    """Return the request as a curl command for a shell; redacted values stay redacted.

    What a page could not show as it is comes in base64.
    """
    lines = [f"curl --request {_quoted(request.method)} {_quoted(request.url)}"]
    lines += [f"--header {_quoted(f'{name}: {value}')}" for name, value in request.headers.items()]
    encoded = request.body_base64
    if request.body and not _is_visible(request.body):
        encoded = _base64(request.body)
    if encoded:
        decoded = f"printf %s {encoded} | base64 --decode | "
        return decoded + " \\\n  ".join([*lines, "--data-binary @-"])
    if request.body:
        lines.append(f"--data-raw {shlex.quote(request.body)}")
    return " \\\n  ".join(lines)


def _is_visible(text: str) -> bool:
    """Whether a page shows the text as it is, so that what is copied from it is the same."""
    return visible(text) == text


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="replace")).decode()


def _quoted(text: str) -> str:
    if _is_visible(text):
        return shlex.quote(text)
    return f'"$(printf %s {_base64(text)} | base64 --decode)"'
