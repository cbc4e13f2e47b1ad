"""Sends spans to the collector from a separate thread, so that nothing waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["SpanExport", "quiet_exporter"]

SHUTDOWN_SECONDS = 3.0
"""How long a stopping process tries to send its last spans."""
WARN_SECONDS = 60.0
"""A failing collector is logged at most once a minute."""

QUERY = "url.query"

logger = structlog.stdlib.get_logger(__name__)


class SpanExport(SpanProcessor):
    """Collects ended spans and exports them in batches until ``shutdown``.

    Spans are dropped if more than ``max_waiting`` wait, or if the collector does not accept them.
    ``dropped`` counts both.
    """

    def __init__(
        self, exporter: SpanExporter, *, delay_seconds: float = 1.0, max_waiting: int = 2048,
        max_per_batch: int = 512, warn_seconds: float = WARN_SECONDS,
    ) -> None:  # fmt: skip
        self.dropped = 0
        """Spans that were recorded and did not reach the collector, since the process began."""
        self._exporter = exporter
        self._delay_seconds = delay_seconds
        self._max_waiting = max_waiting
        self._max_per_batch = min(max_per_batch, max_waiting)
        self._warn_seconds = warn_seconds
        self._warned_at: float | None = None
        self._reported = 0
        self._waiting: deque[ReadableSpan] = deque()
        self._lock = threading.Lock()
        """Guards ``dropped``, which two threads increment."""
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Spans that wait for their export."""
        return len(self._waiting)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: spans are exported after their end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended, if its trace is recorded."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self.add(_without_query(span))

    def add(self, span: ReadableSpan) -> None:
        """Take a span to be exported."""
        if self._ended.is_set() or len(self._waiting) >= self._max_waiting:
            self._drop(1)
            return
        self._waiting.append(span)
        if len(self._waiting) >= self._max_per_batch and not self._wake.is_set():
            self._wake.set()

    def _drop(self, count: int) -> None:
        with self._lock:
            self.dropped += count

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._delay_seconds)
            self._wake.clear()
            self._export_all()
        self._export_all()

    def _export_all(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), self._max_per_batch)
            self._export([self._waiting.popleft() for _ in range(count)])
        self._warn_if_due()

    def _export(self, batch: list[ReadableSpan]) -> None:
        try:
            taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception:
            taken = False
            logger.debug("spans.export_failed", exc_info=True)
        if not taken:
            self._drop(len(batch))

    def _warn_if_due(self) -> None:
        now = time.monotonic()
        recently = self._warned_at is not None and now - self._warned_at < self._warn_seconds
        if self.dropped == self._reported or recently:
            return
        logger.warning("spans.dropped", count=self.dropped - self._reported, total=self.dropped)
        self._reported, self._warned_at = self.dropped, now

    def shutdown(self, timeout_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Send the waiting spans within ``timeout_seconds``; drop the others."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout_seconds)
        left = len(self._waiting)
        self._waiting.clear()
        self._drop(left)
        # Ends the exporter's pause between two attempts.
        self._exporter.shutdown()


def _without_query(span: ReadableSpan) -> ReadableSpan:
    """Return the span without its URL's query string, which may hold secrets.

    Our own spans have none, but those of OpenTelemetry's instrumentation do.
    """
    attributes = span.attributes or {}
    if QUERY not in attributes:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in attributes.items() if name != QUERY},
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def quiet_exporter() -> None:
    """Silence the exporter's log lines, one or more per batch: ``spans.dropped`` replaces them."""
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    logging.getLogger(name).setLevel(logging.CRITICAL)
