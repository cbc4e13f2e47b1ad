from __future__ import annotations

from ..harness.system import System


async def test_a_task_that_always_fails_is_given_up(neighbour: System) -> None:
    """After its deadline a task that was never delivered is dead, and is not tried again."""
    ledger = neighbour.receiver.ledger()

    task_id = await neighbour.api.create(ledger.url(status=503))
    await neighbour.api.until(task_id, state="dead")
    view = await neighbour.api.get_task(task_id)

    attempts = [arrival.attempt for arrival in await ledger.arrivals()]
    assert attempts == list(range(1, view["attempts"] + 1))
    assert len(attempts) > 2
    assert view["last_attempt"]["status_code"] == 503
