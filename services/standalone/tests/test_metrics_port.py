"""METRICS_PORT of the real processes, asked as Prometheus, a kubelet and KEDA ask."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from queue_common.metrics.catalog import METRICS, REQUEST_DURATION
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import CannedResponse, Receiver

from .conftest import NewProcess


async def test_a_tasks_life_is_counted(new_process: NewProcess, receiver: Receiver) -> None:
    """A task that fails once and then arrives shows in every count of its way."""
    api, worker = new_process("api").start(), new_process("worker").start()
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    receiver.respond_with("/hook", [CannedResponse(500), CannedResponse(200)])
    created = await api.post(url=f"{receiver.url}/hook")
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")

    assert created.status_code == 201
    assert await api.value("messaging_client_sent_messages_total", error_type="") == 1
    duration = "http_server_request_duration_seconds_count"
    created_labels = {"http_request_method": "POST", "http_response_status_code": "201"}
    assert await api.value(duration, http_route="/api/v1/tasks", **created_labels) == 1
    for sample, labels, expected in [
        ("messaging_client_consumed_messages_total", {}, 2),
        ("messaging_process_duration_seconds_count", {"error_type": ""}, 1),
        ("messaging_process_duration_seconds_count", {"error_type": "http_error"}, 1),
        ("http_client_request_duration_seconds_count", {"http_response_status_code": "200"}, 1),
        ("http_client_request_duration_seconds_count", {"error_type": "500"}, 1),
        ("queue_attempts_total", {"outcome": "http_error"}, 1),
        ("queue_retries_total", {}, 1),
        ("queue_start_delay_seconds_count", {}, 2),
        ("queue_egress_refusals_total", {}, 0),
    ]:
        assert (sample, await worker.value(sample, **labels)) == (sample, expected)
    exchanges = await worker.value(
        "db_client_operation_duration_seconds_count", db_operation_name="exchange"
    )
    assert exchanges is not None
    assert exchanges >= 3


async def test_figures_of_the_queue_are_the_same_from_both(
    new_process: NewProcess, receiver: Receiver
) -> None:
    """Tasks by state, lanes, workers and dead letters are told alike by API and worker."""
    api, worker = new_process("api").start(), new_process("worker").start()
    receiver.respond_with("/hang", [CannedResponse(hangs=True)])
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    await api.post(url=f"{receiver.url}/hang")
    await api.post(url=f"http://{api.variables['REDIS_ADDR']}/refused")
    await worker.until_value(1, "queue_egress_refusals_total")
    lane = f"127.0.0.1:{receiver.url.rpartition(':')[2]}"
    await api.until_value(1, "queue_lane_tasks", lane=lane, state="active")

    for process in (api, worker):
        assert await process.value("queue_tasks", state="active") == 1
        assert await process.value("queue_tasks", state="dead") == 1
        assert await process.value("queue_lane_tasks", lane=lane, state="active") == 1
        assert await process.value("queue_dead_letters_total") == 1
        assert await process.value("queue_workers") == 1
        assert await process.value("queue_redis_up") == 1
        assert await process.value("queue_oldest_waiting_age_seconds") == 0


async def test_the_backlog_is_told_to_who_scales(new_process: NewProcess) -> None:
    """Without a worker the API's /backlog counts what waits, under the name KEDA reads."""
    api = new_process("api").start()
    await api.until("/ready", 200)
    for _ in range(3):
        await api.post(url="http://127.0.0.1:9/x")

    told = (await api.ask("/backlog")).json()

    assert told == {
        "queue": api.variables["QUEUE_NAME"], "waiting": 3, "due": 0, "scheduled": 0, "active": 0,
        "outbox": 0, "held": 0, "backlog": 3, "workers": 0,
    }  # fmt: skip


async def test_without_redis_there_are_no_stale_figures(
    new_process: NewProcess, start_server: Callable[..., RedisServer]
) -> None:
    """Without Redis, /metrics has queue_redis_up 0 and no stats of it, and /ready is 503."""
    server = start_server()
    processes = [new_process(name).start(REDIS_ADDR=server.address) for name in ("api", "worker")]
    for process in processes:
        await process.until("/ready", 200)
        assert await process.value("queue_tasks", state="waiting") == 0
    server.kill()

    for process in processes:
        await process.until_value(0, "queue_redis_up")
        assert await process.value("queue_tasks") is None
        assert await process.value("queue_dead_letters_total") is None
        assert (await process.ask("/health")).status_code == 200
    api = processes[0]
    for path in ("/ready", "/backlog"):
        response = await api.until(path, 503)
        assert response.headers["content-type"] == "application/problem+json"
        assert "Redis cannot be reached" in response.json()["detail"]
    assert (await processes[1].until("/ready", 503)).json()["detail"]


async def test_it_responds_before_redis_does(new_process: NewProcess) -> None:
    """Processes started without Redis are alive and not ready, and say so."""
    for name in ("api", "worker"):
        process = new_process(name).start(REDIS_ADDR="127.0.0.1:1")

        assert (await process.until("/health", 200)).json() == {"status": "ok"}
        assert (await process.ask("/ready")).status_code == 503
        assert await process.value("queue_redis_up") == 0


async def test_a_draining_worker_is_alive_and_not_ready(
    new_process: NewProcess, receiver: Receiver
) -> None:
    """While a worker finishes its last request /ready is 503 "draining", /health 200."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    api, worker = new_process("api").start(), new_process("worker").start()
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    await api.post(url=f"{receiver.url}/slow")
    await wait_until(lambda: receiver.in_flight == 1, "the request is in flight")
    worker.signal(signal.SIGTERM)

    response = await worker.until("/ready", 503)
    assert response.json()["detail"] == "draining"
    assert (await worker.ask("/health")).status_code == 200
    assert await worker.value("queue_redis_up") == 1
    worker.signal(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_a_loop_that_hangs_does_not_respond(new_process: NewProcess) -> None:
    """A process that hangs does not respond as healthy, and continues after the hang."""
    api = new_process("api").start()
    await api.until("/health", 200)
    api.signal(signal.SIGSTOP)
    asked = asyncio.create_task(api.ask("/health"))
    done, _ = await asyncio.wait([asked], timeout=0.3)
    api.signal(signal.SIGCONT)

    assert not done
    assert (await asked).status_code == 200


@pytest.mark.parametrize("name", ["api", "worker"])
async def test_a_taken_metrics_port_is_one_sentence(new_process: NewProcess, name: str) -> None:
    """A METRICS_PORT that somebody else has ends the process at start, with the variable's name."""
    process = new_process(name)
    with socket.create_server(("127.0.0.1", process.metrics_port)):
        process.start()

        assert await process.ended() == 1
    assert process.log() == (
        f"METRICS_PORT={process.metrics_port}: cannot listen on it: Address already in use\n"
    )


async def test_without_a_port_nothing_listens(new_process: NewProcess) -> None:
    """METRICS_PORT=0 opens no port; the process works as ever."""
    api = new_process("api").start(METRICS_PORT="0")

    async def accepts() -> bool:
        with suppress(Exception):
            return (await api.post(url="http://127.0.0.1:9/x")).status_code == 201
        return False

    await wait_until(accepts, "the API works", 20)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", api.metrics_port)


async def test_requests_that_are_none_hurt_nobody(new_process: NewProcess) -> None:
    """Nonsense, other methods and other paths are refused, and the process continues."""
    worker = new_process("worker").start()
    await worker.until("/health", 200)
    for nonsense in (b"\x16\x03\x01\x00\xff", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.metrics_port)
        writer.write(nonsense)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
    responses = [
        await worker.ask("/metrics", "HEAD"), await worker.ask("/metrics", "POST"),
        await worker.ask("/nothing"), await worker.ask("/backlog"), await worker.ask("/health"),
    ]  # fmt: skip

    assert [response.status_code for response in responses] == [200, 405, 404, 404, 200]
    assert int(responses[0].headers["content-length"]) > 0
    assert responses[0].content == b""
    assert responses[1].headers["allow"] == "GET, HEAD"


async def test_labels_are_from_bounded_sets(new_process: NewProcess, receiver: Receiver) -> None:
    """Paths, URLs, ids, made-up methods and statuses never become labels."""
    api, worker = new_process("api").start(), new_process("worker").start()
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    receiver.respond_with("/s3cret", [CannedResponse(599), CannedResponse(298)])
    task_id = (await api.post(url=f"{receiver.url}/s3cret?token=s3cret")).json()["task_id"]
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")
    reader, writer = await asyncio.open_connection("127.0.0.1", api.api_port)
    for line in (f"GET /api/v1/tasks/{task_id}", "GET /made-up/s3cret", "PROPFIND /made-up/s3cret"):
        writer.write(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    text = (await api.ask("/metrics")).text + (await worker.ask("/metrics")).text

    assert not re.search(r's3cret|made-up|PROPFIND|"599"|"298"|http://', text)
    assert task_id not in text
    count = f"{REQUEST_DURATION.prometheus_name}_count"
    assert await api.value(count, http_route="/api/v1/tasks/{task_id}") == 1
    assert await api.value(count, http_request_method="_OTHER", http_route="") == 1
    client = "http_client_request_duration_seconds_count"
    assert await worker.value(client, http_response_status_code="500", error_type="500") == 1
    assert await worker.value(client, http_response_status_code="200", error_type="") == 1


async def test_what_is_served_is_what_the_table_says(
    new_process: NewProcess, receiver: Receiver
) -> None:
    """Names, kinds, help and labels on /metrics are those of the table, and none is missing."""
    api, worker = new_process("api").start(), new_process("worker").start()
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    await api.post(url=f"{receiver.url}/hook")
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")
    await api.post(url="http://127.0.0.1:9/fails")
    await api.until_value(1, "queue_lane_tasks", lane="127.0.0.1:9", state="scheduled")
    await api.post(project="shop", url="http://127.0.0.1:9/fails")
    await api.until_value(0, "queue_project_tasks", project="shop", state="active")
    served = {**(await api.families()), **(await worker.families())}
    expected = {metric.prometheus_name.removesuffix("_total"): metric for metric in METRICS}

    assert set(served) == set(expected)
    for name, family in served.items():
        metric = expected[name]
        assert (family.type, family.documentation) == (metric.kind, metric.description)
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        assert labels == {frozenset(metric.labels)}


async def test_nobody_else_reaches_a_process_unless_told(new_process: NewProcess) -> None:
    """Unless told otherwise a process listens on 127.0.0.1, with no port on other addresses."""
    api, worker = new_process("api").start(), new_process("worker").start()
    await api.until("/ready", 200)
    await worker.until("/ready", 200)

    assert reached_at("127.0.0.1", api.api_port)
    for port in (api.api_port, api.metrics_port, worker.metrics_port):
        assert not reached_at("127.0.0.2", port)


def reached_at(host: str, port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection((host, port), 5):
        return True
    return False
