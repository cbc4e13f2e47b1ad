"""Names by which clients repeat requests, as arguments of ``enqueue.lua``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..lanes import PROJECT_SEPARATOR, split_lane
from .storage.retention import milliseconds

if TYPE_CHECKING:
    from ..settings import QueueSettings

__all__ = ["TaskNames", "hash_of_name"]


def hash_of_name(project: str, key: str) -> str:
    """Return what an idempotency key of a project is remembered by."""
    text = f"{project}{PROJECT_SEPARATOR}{key}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


class TaskNames:
    """How long, and how many, idempotency keys are stored."""

    def __init__(self, settings: QueueSettings) -> None:
        self._kept = f"{milliseconds(settings.idempotency_ttl)} {settings.idempotency_max}"

    def name(self, lane: str, key: str) -> str:
        """Return the arguments for a key of the project that ``lane`` belongs to."""
        project, _ = split_lane(lane)
        return f"{hash_of_name(project, key)} {self._kept}"
