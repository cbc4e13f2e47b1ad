"""Settings of tracing: OpenTelemetry's standard variables, and two of ours."""

from __future__ import annotations

import os
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from ..settings import Settings

__all__ = ["Endpoint", "OtelSettings", "TraceSettings", "use_stable_conventions"]


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        msg = "should be a URL such as http://collector:4318"
        raise ValueError(msg)
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]


def _pairs(value: str) -> dict[str, str]:
    """Read ``key=value,key=value``, percent-encoded, as in OpenTelemetry's variables."""
    found: dict[str, str] = {}
    for member in filter(None, (part.strip() for part in value.split(","))):
        key, mark, text = member.partition("=")
        if not mark or not key.strip():
            msg = "should be key=value, or several separated by commas"
            raise ValueError(msg)
        found[key.strip()] = unquote(text.strip())
    return found


def _readable(value: str) -> str:
    _pairs(value)
    return value


def _secret_pairs(value: SecretStr) -> SecretStr:
    _pairs(value.get_secret_value())
    return value


def _template(value: str) -> str:
    if value and "{trace_id}" not in value:
        msg = "should contain {trace_id} in the place of the trace's id"
        raise ValueError(msg)
    return value


class OtelSettings(Settings):
    """OpenTelemetry's standard variables for the process' name and its collector."""

    otel_service_name: str = ""
    """Empty: ``queue-api`` or ``queue-worker``, unless OTEL_RESOURCE_ATTRIBUTES says otherwise."""
    otel_resource_attributes: Annotated[str, AfterValidator(_readable)] = ""
    """More attributes of the process: ``key=value,key=value``."""
    otel_exporter_otlp_endpoint: Endpoint = ""
    """The collector's URL, without ``/v1/traces``. If it is empty, nothing is exported."""
    otel_exporter_otlp_headers: Annotated[SecretStr, AfterValidator(_secret_pairs)] = SecretStr("")
    """Headers of each export, such as an access token: ``key=value,key=value``."""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    """The only supported protocol."""
    otel_sdk_disabled: bool = False
    """``true``: nothing is exported, even if other variables are set."""

    def resource_attributes(self) -> dict[str, str]:
        """Return OTEL_RESOURCE_ATTRIBUTES, with OTEL_SERVICE_NAME over it."""
        name = {"service.name": self.otel_service_name} if self.otel_service_name else {}
        return {**_pairs(self.otel_resource_attributes), **name}

    def export_headers(self) -> dict[str, str]:
        """Return the headers sent with each export, secrets and all."""
        return _pairs(self.otel_exporter_otlp_headers.get_secret_value())


class TraceSettings(OtelSettings):
    """Sampling of traces and export of their spans."""

    otel_exporter_otlp_traces_endpoint: Endpoint = ""
    """The full URL for spans. Default: OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces."""
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    """``none``: spans are not exported, even if there is an endpoint."""
    otel_traces_sampler: (
        Literal[
            "always_on", "always_off", "traceidratio", "parentbased_always_on",
            "parentbased_always_off", "parentbased_traceidratio",
        ]
        | None
    ) = None  # fmt: skip
    """Replaces TRACE_RATE_LIMIT."""
    otel_traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of traces that the ``traceidratio`` samplers record."""
    otel_bsp_schedule_delay: Annotated[int, Field(ge=1)] = 1000
    """Max milliseconds that spans wait for others before they are exported."""
    otel_bsp_max_queue_size: Annotated[int, Field(ge=1)] = 2048
    """Max spans that wait for their export; further ones are dropped and counted."""
    otel_bsp_max_export_batch_size: Annotated[int, Field(ge=1)] = 512
    """Max spans in one export request."""
    trace_rate_limit: Annotated[int, Field(ge=0)] = 50
    """Max traces that this process begins to record per second."""
    trace_url_template: Annotated[str, AfterValidator(_template)] = ""
    """The URL of a trace in a tracing system, with ``{trace_id}`` for its id; shown with tasks."""

    def traces_endpoint(self) -> str:
        """Return the URL to which spans are exported; empty if they are not."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none":
            return ""
        if self.otel_exporter_otlp_traces_endpoint:
            return self.otel_exporter_otlp_traces_endpoint
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return f"{base}/v1/traces" if base else ""

    def trace_url(self, trace_id: str | None) -> str | None:
        """Return the trace's URL; None if there is no id or no template."""
        if not trace_id or not self.trace_url_template:
            return None
        return self.trace_url_template.replace("{trace_id}", trace_id)


def use_stable_conventions() -> None:
    """Make OpenTelemetry's instrumentations use the stable HTTP conventions, as our spans do.

    They only read this variable. Their default is still the names of 2022, among which is the query
    string.
    """
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
