from __future__ import annotations

import socket
from contextlib import closing

import pytest

from queue_common.listening import listen


def connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "reached"),
    [("127.0.0.1", ["127.0.0.1"]), ("::", ["127.0.0.1", "127.0.0.2", "::1"])],
)
def test_it_is_reached_at_its_address_alone(host: str, reached: list[str]) -> None:
    """One address is reached at that address, ``::`` at all of both kinds."""
    with closing(listen("API", host, 0)) as listener:
        port = listener.getsockname()[1]

        assert [a for a in ("127.0.0.1", "127.0.0.2", "::1") if connects(a, port)] == reached
