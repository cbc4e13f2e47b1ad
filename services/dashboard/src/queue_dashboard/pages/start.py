"""First steps: the commands that send a task to the user's own URL, which then appears here."""

from __future__ import annotations

import json
import shlex
from functools import partial

from fastapi import APIRouter
from starlette.responses import Response

from ..access.visit import Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
EXAMPLE = "https://example.com/hook"


@router.get("/start")
async def show_start(visit: Visitor) -> Response:
    """Show how to send a task, in three ways."""
    target = visit.query.get("url", EXAMPLE).strip()
    api, login = visit.dashboard.settings.public_api_url, visit.me.auth != "off"
    recent = [
        event for event in visit.dashboard.hub.recent(visit.caller) if event.type == "task.accepted"
    ]
    return visit.page(
        "start.html", target=target, api=api, login=login, seen=bool(recent),
        curl=_curl(api, target, login=login), python=_python(api, target, login=login),
        command=f"queue send {shlex.quote(target)} --data '{{\"hello\": \"world\"}}' --wait",
    )  # fmt: skip


def _curl(api: str, target: str, *, login: bool) -> str:
    task = json.dumps({"url": target, "body": {"hello": "world"}})
    key = ' \\\n  -H "Authorization: Bearer $QUEUE_TOKEN"' if login else ""
    return (
        f"curl {shlex.quote(f'{api}/api/v1/tasks')}{key} \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(task)}"
    )


def _python(api: str, target: str, *, login: bool) -> str:
    token = ', token=os.environ["QUEUE_TOKEN"]' if login else ""
    first = "import os\n\n" if login else ""
    quoted = partial(json.dumps, ensure_ascii=False)  # Python reads JSON's strings too
    return (
        f"{first}from queue_client import QueueClient\n\n"
        f"queue = QueueClient({quoted(api)}{token})\n"
        f'task = queue.send({quoted(target)}, body={{"hello": "world"}})\n'
        f"print(queue.wait(task.task_id).state)"
    )
