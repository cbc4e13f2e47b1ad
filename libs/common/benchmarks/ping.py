"""PINGs a server on loopback until its standard input ends; prints count, p99 and longest in ms.

    python libs/common/benchmarks/ping.py PORT

A process of its own, so that what it waits for is the server and not another client's work.
"""

from __future__ import annotations

import select
import socket
import sys
import time


def main() -> None:
    """Measure until told to stop."""
    waits: list[float] = []
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        while not select.select([sys.stdin], [], [], 0.0005)[0]:
            begin = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            waits.append((time.perf_counter() - begin) * 1000)
    waits.sort()
    sys.stdout.write(f"{len(waits)} {waits[int(len(waits) * 0.99)]:.1f} {waits[-1]:.1f}\n")


if __name__ == "__main__":
    main()
