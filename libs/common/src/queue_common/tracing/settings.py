"""What the processes' traces are set by: OpenTelemetry's own variables, and two of ours."""

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
    """Read ``key=value,key=value``, percent-encoded, as OpenTelemetry's variables have it."""
    found: dict[str, str] = {}
    for member in filter(None, (part.strip() for part in value.split(","))):
        key, mark, text = member.partition("=")
        if not mark or not key.strip():
            msg = "should be key=value, more of them separated by commas"
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
        msg = "should have {trace_id} where the trace's id belongs"
        raise ValueError(msg)
    return value


class OtelSettings(Settings):
    """Who the process is and where its telemetry goes, by OpenTelemetry's standard variables."""

    otel_service_name: str = ""
    """Empty: ``queue-api`` or ``queue-worker``, unless OTEL_RESOURCE_ATTRIBUTES says otherwise."""
    otel_resource_attributes: Annotated[str, AfterValidator(_readable)] = ""
    """What else the process is known by: ``key=value,key=value``."""
    otel_exporter_otlp_endpoint: Endpoint = ""
    """The collector's URL, without ``/v1/traces``. Nothing is exported where it is empty."""
    otel_exporter_otlp_headers: Annotated[SecretStr, AfterValidator(_secret_pairs)] = SecretStr("")
    """Sent with each export, such as an access token: ``key=value,key=value``."""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    """The one form in which telemetry is exported."""
    otel_sdk_disabled: bool = False
    """Exports nothing, whatever the other variables say."""

    def resource_attributes(self) -> dict[str, str]:
        """Return OTEL_RESOURCE_ATTRIBUTES, with OTEL_SERVICE_NAME over it."""
        name = {"service.name": self.otel_service_name} if self.otel_service_name else {}
        return {**_pairs(self.otel_resource_attributes), **name}

    def export_headers(self) -> dict[str, str]:
        """Return the headers sent with each export, secrets and all."""
        return _pairs(self.otel_exporter_otlp_headers.get_secret_value())


class TraceSettings(OtelSettings):
    """Which traces are recorded, and how their spans are exported."""

    otel_exporter_otlp_traces_endpoint: Endpoint = ""
    """The URL for spans as a whole, where it is not OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces."""
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    """``none``: spans are not exported, whatever the endpoint."""
    otel_traces_sampler: (
        Literal[
            "always_on", "always_off", "traceidratio", "parentbased_always_on",
            "parentbased_always_off", "parentbased_traceidratio",
        ]
        | None
    ) = None  # fmt: skip
    """Takes the place of TRACE_RATE_LIMIT."""
    otel_traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The part of all traces that the ``traceidratio`` samplers record."""
    otel_bsp_schedule_delay: Annotated[int, Field(ge=1)] = 1000
    """Milliseconds for which spans are gathered before they are exported."""
    otel_bsp_max_queue_size: Annotated[int, Field(ge=1)] = 2048
    """Most spans that wait for their export; those beyond are dropped, and counted."""
    otel_bsp_max_export_batch_size: Annotated[int, Field(ge=1)] = 512
    """Most spans exported in one request."""
    trace_rate_limit: Annotated[int, Field(ge=0)] = 50
    """Most traces that this process begins to record in a second."""
    trace_url_template: Annotated[str, AfterValidator(_template)] = ""
    """Where a trace can be seen, ``{trace_id}`` standing for its id; shown with each task."""

    def traces_endpoint(self) -> str:
        """Return the URL to which spans are exported; empty for nowhere."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none":
            return ""
        if self.otel_exporter_otlp_traces_endpoint:
            return self.otel_exporter_otlp_traces_endpoint
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return f"{base}/v1/traces" if base else ""

    def trace_url(self, trace_id: str | None) -> str | None:
        """Return where the trace can be seen; None where that is not known."""
        if not trace_id or not self.trace_url_template:
            return None
        return self.trace_url_template.replace("{trace_id}", trace_id)


def use_stable_conventions() -> None:
    """Have OpenTelemetry's instrumentations use the stable HTTP conventions, as our spans do.

    They read this variable alone, and still default to the names of 2022, under which they would
    tell the query string too.
    """
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
