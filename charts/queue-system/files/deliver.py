"""Send a task to oneself through the API, and wait until it has come and is called delivered."""

import json
import os
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

API = os.environ["API"]
END = time.monotonic() + 180
arrived: dict[str, bytes] = {}


class Receiver(BaseHTTPRequestHandler):
    """Notes the bodies it is sent, by task."""

    def do_POST(self) -> None:
        """Note the body and answer 200."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arrived[self.headers["X-Task-Id"]] = body
        self.send_response(200)
        self.end_headers()


def ask(path: str, task: object = None) -> dict[str, object]:
    """GET ``path`` of the API, or POST ``task`` there; again while the API is not there yet."""
    body = None if task is None else json.dumps(task).encode()
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("API_ROOT_KEY", "").split(",")[0]:
        headers["Authorization"] = f"Bearer {key}"
    while True:
        request = urllib.request.Request(API + path, body, headers)  # noqa: S310 - http
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return dict(json.load(response))
        except OSError as error:
            if time.monotonic() > END:
                sys.exit(f"{API}{path}: {error}")
            time.sleep(1)


server = HTTPServer(("", 8080), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
created = ask("/api/v1/tasks", {"url": os.environ["DESTINATION"], "body": "helm test"})
task_id = str(created["task_id"])
sys.stdout.write(f"task {task_id} accepted\n")
while (seen := ask(f"/api/v1/tasks/{task_id}"))["state"] != "delivered":
    if time.monotonic() > END:
        sys.exit(f"not delivered in time: {json.dumps(seen)}")
    time.sleep(0.5)
if arrived.get(task_id) != b"helm test":
    sys.exit(f"called delivered, but this came: {arrived}")
sys.stdout.write("delivered, as it was sent\n")
