from __future__ import annotations

from itertools import pairwise

from ..harness.system import System


async def test_a_failed_attempt_is_made_again(system: System) -> None:
    """A destination that fails twice gets a third attempt, after the interval each time."""
    ledger = system.receiver.ledger()

    task_id = await system.api.create(ledger.url(fail=2))
    await system.api.until(task_id, state="delivered", attempts=3)

    arrivals = await ledger.arrivals()
    waits = [later.at - earlier.at for earlier, later in pairwise(arrivals)]
    assert [(a.task_id, a.attempt) for a in arrivals] == [(task_id, n) for n in (1, 2, 3)]
    assert all(wait > 0.9 for wait in waits), waits
