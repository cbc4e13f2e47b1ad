from __future__ import annotations

import asyncio

import httpx

from queue_testing import free_port
from queue_testing.network.relay import Relay
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .running import Cli


async def send(system: System, url: str, **fields: object) -> str:
    async with httpx.AsyncClient() as http:
        response = await http.post(f"{system.url}/api/v1/tasks", json={"url": url, **fields})
        return str(response.json()["task_id"])


async def state(system: System, task_id: str) -> str:
    async with httpx.AsyncClient() as http:
        return str((await http.get(f"{system.url}/api/v1/tasks/{task_id}")).json()["state"])


async def test_deliveries_come_here_and_keys_work(
    cli: Cli, system: System, receiver: Receiver
) -> None:
    """On a terminal each delivery is a line; r repeats it, d shows it, q gives the lane back."""
    lane = f"127.0.0.1:{free_port()}"
    async with cli.terminal("listen", "--lane", lane, "--forward-to", receiver.url) as terminal:
        await terminal.until("r repeats")
        task_id = await send(system, f"http://{lane}/hook?x=1", body={"order": 7})
        await terminal.until("delivered")

        assert await state(system, task_id) == "delivered"
        terminal.type("r")
        await terminal.until("repeated")
        terminal.type("d")
        await terminal.until('{"order":7}')
        terminal.type("q")
        assert await terminal.ended() == 0

    assert [r.body for r in receiver.to("/hook")] == [b'{"order":7}'] * 2
    assert receiver.to("/hook")[0].headers["X-Task-Id"] == task_id


async def test_what_is_not_answered_here_is_tried_again(cli: Cli, system: System) -> None:
    """If nobody listens on this machine, the attempt fails and the next one comes here too."""
    lane, port = f"127.0.0.1:{free_port()}", free_port()
    arguments = ("listen", "--lane", lane, "--forward-to", str(port))
    async with cli.terminal(*arguments) as terminal:
        await terminal.until("come to")
        await send(system, f"http://{lane}/", retry={"interval": "1s"})
        await terminal.until("scheduled, next")

        async with Receiver(port) as receiver:
            await terminal.until("delivered")
            assert receiver.requests[0].headers["X-Task-Attempt"] != "1"
        assert await terminal.interrupt() == 0


async def test_lines_for_programs(cli: Cli, system: System, receiver: Receiver) -> None:
    """With -o jsonl each delivery is an object; Ctrl-C ends with 0."""
    lane = f"127.0.0.1:{free_port()}"
    arguments = ("listen", "--lane", lane, "--forward-to", receiver.url, "-o", "jsonl")
    async with cli.terminal(*arguments) as terminal:
        await terminal.until("come to")
        await asyncio.gather(*(send(system, f"http://{lane}/{n}") for n in range(3)))
        await terminal.until('"url":"http://' + lane + "/2")
        assert await terminal.interrupt() == 0

    assert terminal.shown.count('"state":"delivered"') == 3


async def test_listening_goes_on_after_an_outage(
    cli: Cli, system: System, receiver: Receiver
) -> None:
    """While the API is away the listener tries on; a listener that is gone is made anew."""
    lane = f"127.0.0.1:{free_port()}"
    async with Relay(system.port) as relay:
        cli.url = relay.url
        arguments = ("listen", "--lane", lane, "--forward-to", receiver.url)
        async with cli.terminal(*arguments) as terminal:
            await terminal.until("come to")
            await relay.close()
            await terminal.until("the connection is lost")
            await end_listeners(system, lane)
            await relay.open()
            await terminal.until("connected again")
            await send(system, f"http://{lane}/after")
            await terminal.until("delivered")

            assert await terminal.interrupt() == 0


async def end_listeners(system: System, lane: str) -> None:
    """Let a lane's listener be gone, as it is 30 s after its last call."""
    listeners = f"{system.url}/api/v1/listeners"
    async with httpx.AsyncClient() as http:
        made = (await http.post(listeners, json={"lane": lane})).json()
        await http.delete(f"{listeners}/{made['id']}")


async def test_a_host_or_a_lane(cli: Cli) -> None:
    """Without a host and a lane, and with both, the call is refused with 2."""
    assert (await cli("listen")).code == 2
    assert (await cli("listen", "a.example", "--lane", "b:1")).code == 2
