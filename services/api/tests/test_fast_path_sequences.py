"""Whatever comes in whatever pieces: the fast path changes nothing of what a client sees."""

from __future__ import annotations

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from .hand_driven import REQUEST, Connection, request

VARIES = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}")
REQUESTS = st.sampled_from([
    REQUEST, REQUEST, request(b"Connection: keep-alive"), request(b"Expect: 100-continue"),
    request(body=b"{"), request(body=b""), request(b"Content-Type: text/csv"),
    request(b"Transfer-Encoding: chunked"), b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", b"?",
    b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(REQUEST) + REQUEST,
    REQUEST.replace(b"1.1", b"1.0"), request(b"Connection: close"), REQUEST[:-1],
])  # fmt: skip
PIECES = st.lists(
    st.tuples(REQUESTS, st.sampled_from([0, 0, 1, 29, 60, -80, -70, -1]), st.booleans()),
    min_size=1, max_size=6,
)  # fmt: skip
"""Requests, the offsets at which each is cut, and whether the client waits for its response."""


async def played(
    pieces: list[tuple[bytes, int, bool]], *, together: bool, fast_path: bool
) -> object:
    """Return what a client sees that sends these pieces, or all of them together."""
    connection = Connection(fast_path=fast_path)
    rest = b""
    for request_, cut, waits in pieces:
        come(connection, rest + request_[:cut])
        rest = request_[cut:]
        if not together:
            come(connection, rest)
            rest = b""
        await settled(connection, turns=30 if waits else 0)
    come(connection, rest)
    await settled(connection, turns=200)
    submitted = len(connection.queue.ids)
    connection.protocol.connection_lost(None)
    await asyncio.gather(*connection.server.tasks)
    return VARIES.sub(b"~", connection.wire.written), connection.wire.is_closing(), submitted


def come(connection: Connection, data: bytes) -> None:
    """Receive what a transport would still give."""
    if data and not connection.wire.is_closing():
        connection.protocol.data_received(data)


async def settled(connection: Connection, turns: int) -> None:
    """Let Redis reply, and the loop turn."""
    for _ in range(turns):
        connection.queue.reply()
        await asyncio.sleep(0)


@settings(max_examples=300)
@given(PIECES, st.booleans())
def test_a_client_cannot_tell_the_ways_apart(
    pieces: list[tuple[bytes, int, bool]], together: bool
) -> None:
    """Any requests, in any pieces, with or without waiting, get the same responses by both ways."""
    short = asyncio.run(played(pieces, together=together, fast_path=True))
    long = asyncio.run(played(pieces, together=together, fast_path=False))

    assert short == long
