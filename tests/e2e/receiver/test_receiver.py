from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from .receiver import Server


@pytest.fixture
def receiver() -> Iterator[httpx.Client]:
    """A receiver that runs, and a client of it."""
    server = Server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=5) as client:
        yield client
    server.shutdown()
    server.server_close()
    thread.join()


def deliver(client: httpx.Client, path: str, task_id: str, attempt: int = 1) -> int:
    """Send what a worker sends; return the status."""
    headers = {"X-Task-Id": task_id, "X-Task-Attempt": str(attempt), "traceparent": "00-1-2-01"}
    return client.patch(path, content="body", headers=headers).status_code


def test_each_request_is_entered_in_its_ledger(receiver: httpx.Client) -> None:
    """A ledger holds the requests to its own path, whatever their method, in order."""
    assert deliver(receiver, "/to/one", "a") == 200
    assert deliver(receiver, "/to/other", "b") == 200
    assert deliver(receiver, "/to/one", "a", attempt=2) == 200

    [first, second] = receiver.get("/ledgers/one").json()
    assert (first["task_id"], first["attempt"]) == ("a", 1)
    assert (second["method"], second["body"], second["traceparent"]) == (
        *("PATCH", "body"),
        "00-1-2-01",
    )
    assert second["attempt"] == 2
    assert receiver.get("/ledgers/none").json() == []


def test_failures_are_counted_by_task(receiver: httpx.Client) -> None:
    """With fail=1 the first request of each task gets 500, all later ones 200."""
    responses = [deliver(receiver, "/to/one?fail=1", task) for task in ("a", "b", "a", "b", "a")]

    assert responses == [500, 500, 200, 200, 200]


def test_a_status_can_be_asked_for(receiver: httpx.Client) -> None:
    """With status=503 that is the response to all requests."""
    assert deliver(receiver, "/to/one?status=503", "a") == 503
    assert deliver(receiver, "/to/one?status=503", "a") == 503


def test_a_request_that_hangs_is_entered_all_the_same(receiver: httpx.Client) -> None:
    """With hang=1 the request is in the ledger, and never answered."""
    with pytest.raises(httpx.ReadTimeout):
        receiver.post("/to/one?hang=1", timeout=0.2)

    assert len(receiver.get("/ledgers/one").json()) == 1
