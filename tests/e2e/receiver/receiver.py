"""A destination that keeps a ledger: which task arrived when, and its response.

Standard library alone, so that its image is the base and this file.

- ``/to/LEDGER`` takes deliveries, by any method. Its query sets the response:
  ``status=503`` always; ``fail=2`` a 500 to the first two requests of a task, then 200;
  ``delay=0.5`` after so many seconds; ``hang=1`` nothing at all.
- ``GET /ledgers/LEDGER`` returns what arrived there: a JSON list in the order of arrival.
- ``GET /health`` says that it lives.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

__all__ = ["Handler", "Server", "main"]

PORT = 8080


class Ledgers:
    """What arrived, by ledger; kept as long as the process lives."""

    def __init__(self) -> None:
        self._entries: dict[str, list[dict[str, object]]] = defaultdict(list)
        self._often: Counter[tuple[str, object]] = Counter()
        self._lock = threading.Lock()

    def enter(self, ledger: str, entry: dict[str, object]) -> int:
        """Append an entry and return how many of its task are there now."""
        with self._lock:
            self._entries[ledger].append(entry)
            self._often[ledger, entry["task_id"]] += 1
            return self._often[ledger, entry["task_id"]]

    def of(self, ledger: str) -> list[dict[str, object]]:
        """Return a copy of one ledger."""
        with self._lock:
            return list(self._entries[ledger])


class Server(ThreadingHTTPServer):
    """A thread a connection, and one ledger keeper for all."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int]) -> None:
        self.ledgers = Ledgers()
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """Responds to one connection's requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Take any method; the base class looks for a function of its name."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._route(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the ledger is the log."""

    def _route(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        kind, _, ledger = parts.path.lstrip("/").partition("/")
        if kind == "to":
            self._take(ledger, {k: v[0] for k, v in parse_qs(parts.query).items()}, body)
        elif kind == "ledgers":
            self._answer(200, json.dumps(self.server.ledgers.of(ledger)).encode())
        else:
            self._answer(200 if kind == "health" else 404, b"{}")

    def _take(self, ledger: str, wishes: dict[str, str], body: bytes) -> None:
        entry: dict[str, object] = {
            "task_id": self.headers.get("X-Task-Id"),
            "attempt": int(self.headers.get("X-Task-Attempt") or 0),
            "at": time.time(),
            "method": self.command,
            "body": body.decode(errors="replace"),
            "traceparent": self.headers.get("traceparent"),
        }
        often = self.server.ledgers.enter(ledger, entry)
        if "hang" in wishes:
            threading.Event().wait()
        time.sleep(float(wishes.get("delay", 0)))
        fails = often <= int(wishes.get("fail", 0))
        self._answer(500 if fails else int(wishes.get("status", 200)), b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> NoReturn:
    """Serve until SIGTERM, which as the first process of a container nobody handles for us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(("0.0.0.0", PORT)).serve_forever()
    raise AssertionError


if __name__ == "__main__":
    main()
