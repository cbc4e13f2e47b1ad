from __future__ import annotations

import os
import signal

import pytest

from queue_testing import wait_until
from queue_testing.receiver import CannedResponse, Receiver

from .ledger import Ledger
from .system import System


@pytest.mark.timeout(120)
async def test_a_worker_that_slept_through_its_lease_settles_nothing(system: System) -> None:
    """A worker stopped beyond its lease and continued does not settle what another has claimed."""
    sleeper, other = system.workers
    async with Receiver() as receiver:
        receiver.respond_with("/slow", [CannedResponse(hangs=True)])
        await other.kill()
        ledger = Ledger(receiver)
        for _ in range(20):
            await ledger.post_one(system.tasks_url, f"{receiver.url}/slow")
        await wait_until(lambda: len(receiver.to("/slow")) == 20, "20 are in flight", 30)
        await other.start()
        assert sleeper.process is not None

        os.kill(sleeper.process.pid, signal.SIGSTOP)
        await wait_until(lambda: len(receiver.to("/slow")) == 40, "the other has them", 40)
        os.kill(sleeper.process.pid, signal.SIGCONT)
        receiver.release()
        await wait_until(
            lambda: sleeper.log().count('"settle.lease_lost"') == 20, "the sleeper was refused", 30
        )
        await wait_until(
            lambda: other.log().count('"outcome":"delivered"') == 20, "the other settled them", 30
        )

        assert set(ledger.arrivals().values()) == {2}
