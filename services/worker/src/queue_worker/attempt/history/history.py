"""Adds details to attempts: phases, address, worker and response."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from queue_common.task import Attempt, Outcome

from .response import kept_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...transport import Response
    from .phases import Phases

__all__ = ["History", "worker_name"]

MAX_NAME_CHARACTERS = 40


def worker_name() -> str:
    """Return the name of this process, as attempts show it."""
    return f"{socket.gethostname()}:{os.getpid()}"[-MAX_NAME_CHARACTERS:]


class History:
    """Adds details to attempts."""

    def __init__(self, worker: str, keeps_whole: Callable[[], bool]) -> None:
        """Keep a successful response's headers and beginning if ``keeps_whole`` returns True."""
        self._worker = worker
        self._keeps_whole = keeps_whole

    def delivered(
        self, run: Phases, number: int, started_at_ms: int, duration_ms: float, answer: Response
    ) -> Attempt:
        """Return an attempt with a successful response."""
        headers, excerpt = None, None
        if self._keeps_whole():
            headers = kept_headers(answer.headers)
            excerpt = answer.body.decode(errors="replace") or None
        return Attempt(
            number, started_at_ms, duration_ms, Outcome.DELIVERED, answer.status_code,
            response_excerpt=excerpt, phases_us=run.measured_us(0.0), address=run.address,
            worker=self._worker, response_headers=headers,
        )  # fmt: skip

    def add(self, attempt: Attempt, run: Phases, answer: Response | None = None) -> Attempt:
        """Return a failed attempt with its details."""
        return msgspec.structs.replace(
            attempt,
            phases_us=run.measured_us(time.perf_counter()),
            address=run.address,
            worker=self._worker,
            response_headers=None if answer is None else kept_headers(answer.headers),
        )
