"""An HTTP server that answers by a script: what an API does on its bad days."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CREATED = b'{"task_id": "t-1", "message": "Task created successfully", "trace_id": "ab"}'
DROP = object()
"""Close the connection with no answer."""


@dataclass
class Answer:
    status: int = 201
    body: bytes = CREATED
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedApi:
    """Answers requests by ``script`` in turn, and by its last entry ever after."""

    script: list[Answer | object]
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def next_answer(self) -> Answer | object:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def header(self, name: str) -> list[str | None]:
        """The values of a header, one a request."""
        return [headers.get(name.lower()) for _, _, headers, _ in self.requests]


@contextmanager
def scripted(*script: Answer | object) -> Iterator[ScriptedApi]:
    """Serve while the context is entered, each request in a thread of its own."""
    api = ScriptedApi(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            api.requests.append((self.command, self.path, headers, body))
            answer = api.next_answer()
            if not isinstance(answer, Answer):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
