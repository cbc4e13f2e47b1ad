from __future__ import annotations

import pytest

from ..harness.profiles import PROFILES
from ..harness.system import System


@pytest.mark.profiles(*PROFILES)
async def test_a_task_is_delivered_once(system: System) -> None:
    """A task POSTed through the ingress arrives once, as it was meant, and is told as delivered."""
    ledger = system.receiver.ledger()

    task_id = await system.api.create(ledger.url(), method="PUT", body={"order": 1})
    await system.api.until(task_id, state="delivered", attempts=1)

    [arrival] = await ledger.arrivals()
    assert (arrival.task_id, arrival.attempt) == (task_id, 1)
    assert (arrival.method, arrival.body) == ("PUT", '{"order":1}')
