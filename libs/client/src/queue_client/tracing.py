"""The caller's trace goes along with each call, if OpenTelemetry is installed."""

from __future__ import annotations

try:
    from opentelemetry.propagate import inject
except ImportError:  # the client does not need it

    def trace_headers() -> dict[str, str]:
        """Return no header: there is no OpenTelemetry."""
        return {}

else:

    def trace_headers() -> dict[str, str]:
        """Return the headers that carry the current span, by the configured propagators."""
        headers: dict[str, str] = {}
        inject(headers)
        return headers


__all__ = ["trace_headers"]
