"""The traces' variables: what is allowed, and what they come to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from queue_common.settings import load
from queue_common.tracing.settings import TraceSettings


def test_the_endpoint_is_the_standards() -> None:
    """OTEL_EXPORTER_OTLP_ENDPOINT is a base; the one for traces is taken as it is, and wins."""
    base = TraceSettings(otel_exporter_otlp_endpoint="http://c:4318/")
    own = TraceSettings(
        otel_exporter_otlp_endpoint="http://c:4318",
        otel_exporter_otlp_traces_endpoint="https://t/otlp",
    )

    assert TraceSettings().traces_endpoint() == ""
    assert base.traces_endpoint() == "http://c:4318/v1/traces"
    assert own.traces_endpoint() == "https://t/otlp"


@pytest.mark.parametrize("off", [{"otel_sdk_disabled": True}, {"otel_traces_exporter": "none"}])
def test_export_can_be_switched_off(off: dict[str, object]) -> None:
    """OTEL_SDK_DISABLED and OTEL_TRACES_EXPORTER=none go before any endpoint."""
    settings = TraceSettings.model_validate({"otel_exporter_otlp_endpoint": "http://c:4318", **off})

    assert settings.traces_endpoint() == ""


def test_the_service_name_goes_before_the_attributes() -> None:
    """OTEL_SERVICE_NAME wins over OTEL_RESOURCE_ATTRIBUTES, whose values are percent-decoded."""
    settings = TraceSettings(
        otel_service_name="mine", otel_resource_attributes="service.name=x, team=a%20b"
    )

    assert settings.resource_attributes() == {"service.name": "mine", "team": "a b"}


def test_a_traces_url_has_its_id() -> None:
    """TRACE_URL_TEMPLATE becomes a task's URL; without one, or without a trace, there is none."""
    settings = TraceSettings(trace_url_template="http://j/trace/{trace_id}?x={other}")

    assert settings.trace_url("4bf9") == "http://j/trace/4bf9?x={other}"
    assert settings.trace_url(None) is None
    assert TraceSettings().trace_url("4bf9") is None


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TRACE_URL_TEMPLATE", "http://j/trace/", "should contain {trace_id} in"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "should be a URL such as"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "input should be 'http/protobuf'"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "should be key=value"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "input should be 'always_on', "),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "less than or equal to 1"),
        ("TRACE_RATE_LIMIT", "-1", "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_named_at_the_start(
    variable: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bad value ends the process with the variable, its value and what is allowed."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match="2"):
        load(TraceSettings)
    said = capsys.readouterr().err

    assert said.startswith(f"{variable}={value}: ")
    assert told in said


def test_headers_are_a_secret() -> None:
    """An error in OTEL_EXPORTER_OTLP_HEADERS, and the settings' own text, do not show them."""
    settings = TraceSettings.model_validate({"otel_exporter_otlp_headers": "authorization=s3cret"})

    assert settings.export_headers() == {"authorization": "s3cret"}
    assert "s3cret" not in repr(settings)
    with pytest.raises(ValidationError):
        TraceSettings.model_validate({"otel_exporter_otlp_headers": "s3cret"})
