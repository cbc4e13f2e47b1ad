"""The send spans of tasks that have no POST of their own, and of replays."""

from __future__ import annotations

from typing import Any

import httpx

from queue_testing import wait_until
from queue_testing.telemetry.seen_spans import SeenSpan

from .test_request_trace import SPAN, TASK, TASKS, TRACE, TracedApi, traced

__all__ = ["traced"]

BATCH, OPERATIONS = f"{TASKS}/batch", "/api/v1/operations"


def sent(spans: list[SeenSpan], task_id: str) -> SeenSpan:
    """Return the span that has sent a task."""
    (span,) = [
        span for span in spans
        if span.name == "send tasks" and span.attributes["messaging.message.id"] == task_id
    ]  # fmt: skip
    return span


async def dead_task(traced: TracedApi) -> str:
    response, _ = await traced.request("POST", TASKS, json=TASK)
    task_id: str = response.json()["task_id"]
    await traced.give_up(task_id)
    return task_id


async def test_the_span_of_a_replay_has_its_route(traced: TracedApi) -> None:
    """Name and `http.route` have the template, so that all replays are one kind of span."""
    source = await dead_task(traced)
    response, spans = await traced.request("POST", f"{TASKS}/{source}/replay")

    send = sent(spans, response.json()["task_id"])
    (server,) = [span for span in spans if span.span_id == send.parent_id]
    assert server.name == f"POST {TASKS}/{{task_id}}/replay"
    assert server.attributes["http.route"] == f"{TASKS}/{{task_id}}/replay"
    assert server.attributes["url.path"] == f"{TASKS}/{source}/replay"


async def test_a_replay_of_an_operation_begins_a_trace(traced: TracedApi) -> None:
    """Its send span is the first of its trace, names the operation and is linked to its request."""
    source = await dead_task(traced)
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}

    async with traced.running() as client:
        asked = {"action": "replay", "filter": {"ids": [source]}}
        operation = (await client.post(OPERATIONS, json=asked, headers=headers)).json()
        replays = await _replays(client, source)

    send = sent(traced.spans(), replays[0])
    (request,) = [span for span in traced.spans() if span.name == f"POST {OPERATIONS}"]
    assert (send.parent_id, send.attributes["operation_id"]) == ("", operation["id"])
    assert request.trace_id == TRACE != send.trace_id
    assert send.links == ((TRACE, request.span_id),)
    context = await traced.stored_context(replays[0])
    assert context == {"traceparent": f"00-{send.trace_id}-{send.span_id}-01"}


async def _replays(client: httpx.AsyncClient, source: str) -> list[str]:
    async def found() -> Any:  # noqa: ANN401 - JSON
        return (await client.get(f"{TASKS}/{source}")).json()["replays"]

    await wait_until(found, "the task is replayed")
    replays: list[str] = await found()
    return replays


async def test_a_repeated_batch_names_the_first_tasks(traced: TracedApi) -> None:
    """The send span of a repetition has the id of the task that exists."""
    headers = [("idempotency-key", "k")]
    await traced.request("POST", BATCH, headers, json=[TASK])
    response, spans = await traced.request("POST", BATCH, headers, json=[TASK])

    sends = [span for span in spans if span.name == "send tasks"]
    ids = {span.attributes["messaging.message.id"] for span in sends}
    assert (len(sends), ids) == (2, {response.json()[0]["task_id"]})


async def test_tasks_of_a_batch_that_is_not_recorded_are_not(traced: TracedApi) -> None:
    """With flags 00 from the client no span of the batch is recorded, by a worker neither."""
    headers = [("traceparent", f"00-{TRACE}-{SPAN}-00")]
    response, spans = await traced.request("POST", BATCH, headers, json=[TASK])
    context = await traced.stored_context(response.json()[0]["task_id"])

    assert spans == []
    assert context is not None
    assert context["traceparent"].endswith("-00")
