from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import httpx
import pytest
from aiohttp import web

from queue_testing import free_port
from queue_testing.network.loopback import LoopbackServer
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .running import Cli

MANY = 100_000


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int, left: list[int]
) -> None:
    """Pass bytes on; leave after ``limit`` of them as often as ``left`` says."""
    seen = 0
    while received := await reader.read(65536):
        seen += len(received)
        if seen > limit and left[0] > 0:
            left[0] -= 1
            break
        writer.write(received)
        await writer.drain()


@asynccontextmanager
async def breaking(url: str, *, every_bytes: int, times: int) -> AsyncIterator[str]:
    """A way to ``url`` that breaks ``times`` times, each after so many bytes of requests."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    left = [times]
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)
        ways = [
            asyncio.create_task(pass_on(reader, there_writer, every_bytes, left)),
            asyncio.create_task(pass_on(there_reader, writer, every_bytes, [0])),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, there_writer):
            end.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in handlers:
        task.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)
    assert left == [0], "the connection did break"


@pytest.mark.timeout(240)
async def test_a_broken_connection_doubles_and_loses_nothing(cli: Cli, system: System) -> None:
    """100,000 tasks over a connection that breaks in their middle are there once each."""
    lane = f"127.0.0.1:{free_port()}"
    line = json.dumps({"url": f"http://{lane}/", "delay": "5h"}).encode() + b"\n"
    (cli.directory / "many.ndjson").write_bytes(line * MANY)

    async with breaking(system.url, every_bytes=1_000_000, times=3) as cli.url:
        result = await cli("send", "--batch", "many.ndjson", timeout=200)

    assert (result.code, f"{MANY:,} tasks are in the queue" in result.err) == (0, True), result
    async with httpx.AsyncClient(base_url=system.url) as http:
        found = (await http.get(f"/api/v1/lanes/{quote(lane, safe='')}")).json()
    assert found["scheduled"] == MANY


async def test_a_batch_shows_its_progress(cli: Cli) -> None:
    """On a terminal a bar tells how many of all tasks are sent."""
    line = json.dumps({"url": f"http://127.0.0.1:{free_port()}/", "delay": "5h"})
    (cli.directory / "some.ndjson").write_text(f"{line}\n" * 3000)

    async with cli.terminal("send", "--batch", "some.ndjson") as terminal:
        assert await terminal.ended() == 0
        await terminal.until("3,000 tasks are in the queue")

    assert "/3000" in terminal.shown


async def test_a_busy_api_is_waited_for(cli: Cli) -> None:
    """429 and 503 with Retry-After are waited for; if they last, the exit code is 4."""
    answers = [429, 503, 201]

    async def handle(_: web.Request) -> web.Response:
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        kind = {429: "limit-exceeded", 503: "queue-unavailable"}.get(status, "")
        body = {"type": f"urn:queue-system:problem:{kind}", "status": status, "detail": "busy"}
        ok = {"task_id": "t-1", "message": "Task created successfully", "trace_id": "ab"}
        headers = {"Retry-After": "0"}
        return web.json_response(body if kind else ok, status=status, headers=headers)

    async with LoopbackServer("*", "/{tail:.*}", handle) as server:
        cli.url = server.url
        sent = await cli("send", "http://example.com", "-o", "json")
        answers[:] = [503]
        refused = await cli("send", "http://example.com")

    assert (sent.code, sent.json["task_id"]) == (0, "t-1")
    assert (refused.code, refused.out, "queue doctor" in refused.err) == (4, "", True)


async def test_a_batch_is_sent_and_resumed_without_doubling(cli: Cli, receiver: Receiver) -> None:
    """A batch sent again under its id finds all tasks there already."""
    url = receiver.url + "/batch"
    lines = "\n".join(json.dumps({"url": url, "body": n, "delay": "1h"}) for n in range(30))
    (cli.directory / "tasks.ndjson").write_text(lines + "\n\n")

    first = await cli("send", "--batch", "tasks.ndjson", "--resume", f"b-{url}", "-o", "jsonl")
    again = await cli("send", "--batch", "tasks.ndjson", "--resume", f"b-{url}", "-o", "jsonl")

    assert (first.code, again.code) == (0, 0), (first, again)
    assert "30 tasks are in the queue, 30 of them new" in first.err
    assert "30 tasks are in the queue, 0 of them new" in again.err
    ids = [[json.loads(line)["task_id"] for line in r.out.splitlines()] for r in (first, again)]
    assert ids[0] == ids[1]


async def test_lines_that_are_refused_are_named(cli: Cli) -> None:
    """A batch with a bad line sends the others, names the line and ends with 1."""
    batch = b'{"url": "http://127.0.0.1:9/", "delay": "1h"}\n{"url": "ftp://x"}\n'

    result = await cli("send", "--batch", "-", stdin=batch)

    assert result.code == 1
    assert "line 2:" in result.err
    assert "1 tasks are in the queue, 1 of them new; 1 refused" in result.err


async def test_what_is_no_task_is_named_by_line_and_field(cli: Cli) -> None:
    """Lines that are no JSON, or have wrong fields, are named; the others are sent."""
    good = b'{"url": "http://127.0.0.1:9/", "delay": "1h"}'
    bad = b'{"url": "http://127.0.0.1:9/", "lables": {}, "retry": {"max_attempt": 3}}'
    batch = b"\n".join([b"\xef\xbb\xbf" + good, b"", b"notjson", b'{"lane": "x"}', bad, good])

    result = await cli("send", "--batch", "-", stdin=batch)

    lines = [line for line in result.err.splitlines() if line.startswith("line ")]
    assert (result.code, "Traceback" in result.err) == (1, False)
    assert [line.partition(":")[0] for line in lines] == ["line 3", "line 4", "line 5"]
    assert ["is not JSON" in lines[0], "url" in lines[1]] == [True, True]
    assert "lables" in lines[2]
    assert "max_attempt" in lines[2]
    assert "2 tasks are in the queue, 2 of them new; 3 refused" in result.err


async def test_a_json_array_is_read_too(cli: Cli) -> None:
    """A file with an array, over lines or not, is a batch; one that is broken is a sentence."""
    tasks = [{"url": "http://127.0.0.1:9/", "delay": "1h", "body": n} for n in range(3)]

    read = await cli("send", "--batch", "-", stdin=json.dumps(tasks, indent=1).encode())
    broken = await cli("send", "--batch", "-", stdin=json.dumps(tasks)[:-1].encode())

    assert (read.code, "3 tasks are in the queue" in read.err) == (0, True), read
    assert (broken.code, "JSON array" in broken.err, "Traceback" in broken.err) == (2, True, False)
