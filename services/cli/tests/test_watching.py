from __future__ import annotations

import asyncio
import json
import re

import httpx

from queue_testing import wait_until
from queue_testing.network.relay import Relay
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .running import QUEUE, Cli


async def send(system: System, url: str, **fields: object) -> str:
    async with httpx.AsyncClient() as http:
        response = await http.post(f"{system.url}/api/v1/tasks", json={"url": url, **fields})
        return str(response.json()["task_id"])


async def die(cli: Cli, receiver: Receiver, count: int) -> None:
    """Let tasks become dead letters of the receiver's lane."""
    receiver.respond_with("/dies", [500])
    line = json.dumps(
        {"url": receiver.url + "/dies", "retry": {"max_attempts": 1, "interval": "3s"}}
    )
    await cli("send", "--batch", "-", stdin=f"{line}\n".encode() * count)
    while True:
        found = await cli("dead", "groups", "--lane", receiver.address, "-o", "json")
        if sum(group["count"] for group in found.json) == count:
            return


async def test_tail_shows_each_attempt_of_a_lane(
    cli: Cli, system: System, receiver: Receiver
) -> None:
    """On a terminal each attempt of the lane is a line; Ctrl-C ends with 0."""
    receiver.respond_with("/flaky", [503, 200])
    async with cli.terminal("tail", "--lane", receiver.address) as terminal:
        await terminal.until("watching")
        task_id = await send(system, receiver.url + "/flaky", retry={"interval": "1s"})
        await terminal.until("delivered")

        assert await terminal.interrupt() == 0

    assert "503" in terminal.shown
    assert task_id in terminal.shown


async def test_tail_goes_on_after_an_outage(cli: Cli, system: System, receiver: Receiver) -> None:
    """While the API is away tail says that it connects again; it misses nothing meanwhile."""
    async with Relay(system.port) as relay:
        cli.url = relay.url
        async with cli.terminal("tail", "--lane", receiver.address) as terminal:
            await terminal.until("watching")
            while "delivered" not in terminal.shown:
                await send(system, receiver.url + "/before")
                await wait_until(lambda: "/before" in terminal.shown, "an event is shown", 10)
            await relay.close()
            # More often than the tries of a call.
            await wait_until(
                lambda: terminal.shown.count("connecting again") > 5, "it tries on", 40
            )
            task_id = await send(system, receiver.url + "/meanwhile")
            await relay.open()
            await terminal.until(task_id)

            assert await terminal.interrupt() == 0


async def test_tail_into_a_pipe_is_an_object_a_line(
    cli: Cli, system: System, receiver: Receiver
) -> None:
    """`queue tail -o jsonl | head -1` ends once there was an event."""
    process = await asyncio.create_subprocess_shell(
        f"{QUEUE} tail --lane {receiver.address} -o jsonl | head -1", env=cli.variables(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    await process.stderr.readuntil(b"watching")
    ended = asyncio.create_task(process.communicate())
    while not ended.done():
        await send(system, receiver.url + "/event")
        await asyncio.wait([ended], timeout=0.5)
    out, _ = await ended

    event = json.loads(out)
    assert (event["type"], event["lane"]) == ("task.delivered", receiver.address)


async def test_dead_letters_are_replayed_with_a_bar(cli: Cli, receiver: Receiver) -> None:
    """On a terminal the number is asked for, and a bar shows how far the operation is."""
    await die(cli, receiver, 3)
    receiver.respond_with("/dies", [200])
    async with cli.terminal("dead", "replay", "--lane", receiver.address) as terminal:
        await terminal.until("replay 3 tasks?")
        terminal.type("y\n")
        assert await terminal.ended() == 0
        await terminal.until("3/3")

    assert re.search(r"\b[12]/[12]\b", terminal.shown) is None
    again = await cli("dead", "replay", "--lane", receiver.address)
    assert (again.code, "--yes" in again.err) == (2, True)


async def test_export_and_import_make_the_same_tasks_once(cli: Cli, receiver: Receiver) -> None:
    """What was exported can be imported; imported twice it is there once."""
    await die(cli, receiver, 2)
    exported = await cli("export", "--state", "dead", "--lane", receiver.address)
    lines = [json.loads(line) for line in exported.out.splitlines()]
    (cli.directory / "dead.ndjson").write_text(exported.out)
    receiver.respond_with("/dies", [200])

    first = await cli("import", "dead.ndjson")
    second = await cli("import", "dead.ndjson")

    assert [line["retry"]["interval"] for line in lines] == ["3s"] * 2
    assert [line["url"] for line in lines] == [receiver.url + "/dies"] * 2
    assert (first.code, "2 of them new" in first.err) == (0, True)
    assert (second.code, "0 of them new" in second.err) == (0, True)


async def test_a_bar_knows_the_total(cli: Cli, receiver: Receiver) -> None:
    """With --yes too the tasks are counted first: the bar begins at none of them."""
    await die(cli, receiver, 4)
    arguments = ("dead", "replay", "--lane", receiver.address, "--rate", "2/s", "-y")
    async with cli.terminal(*arguments) as terminal:
        assert await terminal.ended() == 0
        await terminal.until("4/4")

    assert "0/4" in terminal.shown
    assert "2/2" not in terminal.shown


async def test_an_export_has_what_is_to_be_done(cli: Cli, receiver: Receiver) -> None:
    """Callback and deadline come along; what is delivered or cancelled stays behind."""
    task = {
        "url": f"{receiver.url}/export", "delay": "1h", "retry": {"deadline": "2h"},
        "callback": {"url": receiver.url + "/told", "on": ["dead"]},
    }  # fmt: skip
    batch = "\n".join(map(json.dumps, [task, {**task, "delay": "3h"}]))
    await cli("send", "--batch", "-", stdin=batch.encode())
    listed = await cli("tasks", "list", "--lane", receiver.address, "-o", "json")
    await cli("tasks", "cancel", listed.json[0]["id"])

    exported = await cli("export", "--lane", receiver.address)

    (line,) = map(json.loads, exported.out.splitlines())
    assert line["callback"] == {"url": receiver.url + "/told", "on": ["dead"]}
    assert line["retry"]["deadline"] == "7200s"
    (cli.directory / "one.ndjson").write_text(exported.out)
    assert "1 of them new" in (await cli("import", "one.ndjson")).err


async def test_files_by_hand_are_imported_by_their_content(cli: Cli, receiver: Receiver) -> None:
    """Two files are two sets of tasks, equal lines are two tasks, the same file is no more."""
    line = json.dumps({"url": receiver.url + "/a", "delay": "1h"}) + "\n"
    other = line.replace("/a", "/b")
    for name, text in {"first": line + line, "second": other + line}.items():
        (cli.directory / name).write_text(text)

    said = [(await cli("import", name)).err for name in ("first", "second", "first")]

    assert ["2 of them new" in said[0], "1 of them new" in said[1]] == [True, True]
    assert "2 tasks are in the queue, 0 of them new" in said[2]


async def test_the_doctor_says_what_to_do(cli: Cli) -> None:
    """Each finding has a state; what is no good has an advice."""
    result = await cli("doctor", "-o", "json")

    found = {finding["check"]: finding for finding in result.json}
    assert found["reachable"]["state"] == found["redis"]["state"] == "ok"
    assert found["clock"]["state"] == found["workers"]["state"] == "ok"
    assert "API_ROOT_KEY" in found["rights"]["advice"]


async def test_signatures_are_made_and_checked(cli: Cli) -> None:
    """`verify` accepts what `sign` made, and refuses another body with 1."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = await cli("sign", "--secret", secret, "-d", '{"a": 1}')
    (cli.directory / "headers").write_text(signed.out)

    right = await cli("verify", "--secret", secret, "--headers", "headers", "-d", '{"a": 1}')
    wrong = await cli("verify", "--secret", secret, "--headers", "headers", "-d", '{"a": 2}')

    assert (right.code, wrong.code) == (0, 1), (right, wrong)


async def test_a_strangers_text_is_no_command_to_a_terminal(cli: Cli) -> None:
    """Control characters of a task are shown, not sent to the terminal."""
    await cli("send", "http://127.0.0.1:9/", "--delay", "5h", "--label", "k=\u202egnp")
    listed = await cli("tasks", "list", "--label", "k=\u202egnp", "-o", "json")
    one = await cli("tasks", "get", listed.json[0]["id"])

    assert "\u202e" not in one.out
    assert "\\u202e" in one.out


async def test_tail_says_that_events_may_be_missing(cli: Cli, system: System) -> None:
    """Going on after an event that is no longer kept begins with a line about the gap."""
    del system
    async with cli.terminal("tail", "--since", "1-1") as terminal:
        await terminal.until("may be missing")

        assert await terminal.interrupt() == 0


async def test_a_limit_that_is_not_given_stays(cli: Cli, system: System) -> None:
    """`queue lanes limit` changes what is given alone; a burst goes with its rate."""
    del system
    lane = "limited.test:80"
    await cli("lanes", "limit", lane, "--concurrency", "5", "--rate", "10", "--burst", "20")
    faster = await cli("lanes", "limit", lane, "--rate", "30", "-o", "json")
    unlimited = await cli("lanes", "limit", lane, "--rate", "none", "-o", "json")

    assert faster.json["limits"] == {"concurrency": 5, "rate": 30.0, "burst": 20}
    assert unlimited.json["limits"] == {"concurrency": 5, "rate": None, "burst": None}


async def test_tables_of_all_projects_name_theirs(cli: Cli, receiver: Receiver) -> None:
    """With --project '*' a table has a column of the project; without, it has none."""
    await die(cli, receiver, 1)
    of_all = await cli("--project", "*", "dead", "groups")
    of_one = await cli("dead", "groups")

    assert of_all.out.split()[:3] == ["lane", "project", "outcome"]
    assert of_one.out.split()[:2] == ["lane", "outcome"]


async def test_a_dead_letter_named_by_its_id_takes_no_filter(cli: Cli, receiver: Receiver) -> None:
    """With an id, `dead delete` refuses a dry run and filters by name, and deletes nothing."""
    await die(cli, receiver, 1)
    listed = await cli("dead", "list", "--lane", receiver.address, "-o", "json")
    task_id = listed.json[0]["id"]
    dry = await cli("dead", "delete", task_id, "--dry-run")
    other = await cli("dead", "delete", task_id, "--lane", "other.test:443", "--status", "404")
    kept = await cli("tasks", "get", task_id)
    alone = await cli("dead", "delete", task_id, "--yes", "-o", "json")

    assert (dry.code, dry.out, "--dry-run" in dry.err) == (2, "", True)
    assert (other.code, other.out) == (2, "")
    assert other.err == "queue: a dead letter named by its id takes no --lane, --status\n"
    assert (kept.code, alone.code) == (0, 0)
    assert alone.json == {"task_id": task_id, "deleted": True}
