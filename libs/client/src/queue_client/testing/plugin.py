"""Fixtures for pytest: ``fake_queue``, ``queue_client`` and ``async_queue_client``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queue_client import AsyncQueueClient, QueueClient

    from .fake import FakeQueue

__all__ = ["async_queue_client", "fake_queue", "queue_client"]

# The imports stand in the fixtures: pytest loads this module in every run, used or not.


@pytest.fixture
def fake_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeQueue]:
    """Make a queue in memory; all clients that the test makes talk to it."""
    from .fake import FakeQueue

    fake = FakeQueue()
    with fake.installed(monkeypatch):
        yield fake


@pytest.fixture
def queue_client(fake_queue: FakeQueue) -> QueueClient:
    """Make a client of the queue in memory."""
    return fake_queue.client()


@pytest.fixture
def async_queue_client(fake_queue: FakeQueue) -> AsyncQueueClient:
    """Make a client of the queue in memory, on asyncio."""
    return fake_queue.async_client()
