"""Names by which clients repeat requests, as arguments of ``enqueue.lua``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..lanes import PROJECT_SEPARATOR, split_lane
from .storage.retention import milliseconds

if TYPE_CHECKING:
    from ..settings import QueueSettings

__all__ = ["TaskNames"]


class TaskNames:
    """How long, and how many, idempotency keys are stored."""

    def __init__(self, settings: QueueSettings) -> None:
        self._kept = f"{milliseconds(settings.idempotency_ttl)} {settings.idempotency_max}"

    def name(self, lane: str, key: str) -> str:
        """Return the arguments for a key of the project that ``lane`` belongs to."""
        project, _ = split_lane(lane)
        text = f"{project}{PROJECT_SEPARATOR}{key}".encode()
        return f"{hashlib.blake2b(text, digest_size=16).hexdigest()} {self._kept}"
