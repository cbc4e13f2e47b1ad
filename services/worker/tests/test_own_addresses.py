"""The machine's own public addresses, in a network of the test's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest

NETWORK = """
ip link set lo up
ip addr add 93.184.215.14/32 dev lo
ip -6 addr add 2a00:1450::14/128 dev lo nodad
"""
PROGRAM = """
import asyncio, socket
from queue_common.egress import EgressGuard
from queue_common.egress.own import is_own_address
from queue_testing.attempts import attempt
from queue_worker.transport import Dialer, Resolver, HttpClient
from queue_worker.transport.build import build_tls

OK = b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(OK)

async def main():
    await asyncio.start_server(answer, "0.0.0.0", 8080)
    await asyncio.start_server(answer, "::", 8081)
    is_own = (lambda _address: False) if BLIND else is_own_address
    for allow in ("", "93.184.215.14,2a00:1450::/32"):
        dialer = Dialer(Resolver(), EgressGuard.from_settings(allow=allow), is_own)
        transport = HttpClient(dialer, build_tls(None), max_open=10)
        for url in ("http://93.184.215.14:8080/", "http://[2a00:1450::14]:8081/"):
            print((await attempt(transport, url)).outcome)

asyncio.run(main())
"""


async def outcomes(*, blind: bool) -> list[str]:
    """Deliver to the machine's public addresses, unlisted and listed, and return what comes."""
    program = PROGRAM.replace("BLIND", str(blind))
    process = await asyncio.create_subprocess_exec(
        "unshare", "--user", "--map-root-user", "--net", "sh", "-ec",
        f'{NETWORK}exec "$0" -c "$1"', sys.executable, textwrap.dedent(program),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().split()


def _may_unshare() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--net", "ip", "link"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _may_unshare(), reason="no network namespaces, or no ip (iproute2)")
@pytest.mark.parametrize("blind", [False, True], ids=["before connecting", "once connected"])
async def test_the_machines_own_public_addresses(blind: bool) -> None:
    """A public address of the worker's own machine is refused if EGRESS_ALLOW does not list it."""
    assert await outcomes(blind=blind) == ["egress_refused"] * 2 + ["delivered"] * 2
