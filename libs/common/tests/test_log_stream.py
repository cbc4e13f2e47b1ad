"""Log lines of one turn of the event loop share a write, and none is forgotten."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from queue_common.log_stream import LineStream


@pytest.fixture
def packets() -> Iterator[tuple[LineStream, socket.socket]]:
    """A stream into a socket that keeps each write apart, and the socket's other end."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, theirs, mine.makefile("wb", buffering=0) as file:
        theirs.setblocking(False)
        yield LineStream(file), theirs  # type: ignore[arg-type]


Packets = tuple[LineStream, socket.socket]


async def test_lines_of_one_turn_share_a_write(packets: Packets) -> None:
    """A hundred lines told in one go are one write, in their order."""
    stream, written = packets
    for number in range(100):
        stream.info(b"%d" % number)
    await asyncio.sleep(0)
    stream.info(b"later")
    await asyncio.sleep(0)

    assert written.recv(65536) == b"".join(b"%d\n" % number for number in range(100))
    assert written.recv(65536) == b"later\n"


def test_a_line_told_outside_a_loop_is_written_at_once(packets: Packets) -> None:
    """Before the loop runs, and after it, nothing waits."""
    stream, written = packets
    stream.warning(b"starts")

    assert written.recv(65536) == b"starts\n"


def test_lines_of_a_loop_that_was_stopped_come_with_the_next(packets: Packets) -> None:
    """A loop that ends within the turn leaves its lines to whoever tells the next one."""
    stream, written = packets
    loop = asyncio.new_event_loop()

    async def tell_and_stop() -> None:
        stream.info(b"last words")

    loop.call_soon(loop.stop)
    telling = loop.create_task(tell_and_stop())
    loop.run_forever()
    loop.close()
    asyncio.run(_tell(stream, b"new loop"))

    assert telling.done()
    assert written.recv(65536) == b"last words\nnew loop\n"


async def _tell(stream: LineStream, line: bytes) -> None:
    stream.info(line)
    await asyncio.sleep(0)


async def test_lines_of_threads_are_all_written(packets: Packets) -> None:
    """Threads have no loop: theirs are written whole, whatever else is told."""
    stream, written = packets
    threads = [threading.Thread(target=stream.info, args=(b"thread",)) for _ in range(8)]
    for thread in threads:
        thread.start()
        stream.info(b"loop")
    for thread in threads:
        thread.join()
    stream.flush()
    lines = b""
    while lines.count(b"\n") < 16:
        lines += written.recv(65536)

    assert sorted(lines.split(b"\n")) == [b"", *[b"loop"] * 8, *[b"thread"] * 8]


NESTED = """
import sys
from queue_common.log_stream import LineStream
class File:
    told = False
    def write(self, lines):
        if not self.told:
            self.told = True
            stream.warning(b"from a destructor")
        sys.stdout.buffer.write(lines)
    def flush(self):
        sys.stdout.buffer.flush()
stream = LineStream(File())
stream.info(b"line")
"""


def test_a_line_told_while_another_is_written_stops_nobody() -> None:
    """The garbage collector may run at any time, and what it removes may have a last word."""
    command = [sys.executable, "-c", NESTED]
    process = subprocess.run(command, capture_output=True, check=False, timeout=60)

    assert sorted(process.stdout.splitlines()) == [b"from a destructor", b"line"]


WORK = """
import asyncio, sys
from queue_common.log_stream import LineStream
async def main():
    LineStream(sys.stdout.buffer).info(b"last words")
    raise SystemExit(3)
asyncio.run(main())
"""


def test_a_process_that_exits_within_a_turn_tells_its_last_words() -> None:
    """What was told before an exit is written with it."""
    process = subprocess.run([sys.executable, "-c", WORK], capture_output=True, check=False)

    assert (process.returncode, process.stdout) == (3, b"last words\n")
