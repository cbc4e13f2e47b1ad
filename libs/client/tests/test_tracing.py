from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider

from queue_client import NewTask, QueueClient

from .scripted_api import Answer, scripted


def test_the_callers_span_goes_along() -> None:
    """A task that is sent within a span carries its trace, alone and in a batch."""
    tracer = TracerProvider().get_tracer("test")
    line = b'{"index": 0, "status": 201, "task_id": "t"}'
    with (
        scripted(Answer(), Answer(200, line)) as api,
        QueueClient(api.url) as client,
        tracer.start_as_current_span("checkout") as span,
    ):
        client.send("https://example.com")
        [*client.send_batch([NewTask("https://example.com")])]

        trace_id = f"{span.get_span_context().trace_id:032x}"
        assert [(header or "").split("-")[1] for header in api.header("traceparent")] == [
            trace_id, trace_id,
        ]  # fmt: skip
