"""The find box: a task's id, an idempotency key, the beginning of a URL, a lane, a label."""

from __future__ import annotations

import asyncio
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, LanePage, TaskPage

from ..access.visit import Visit, Visitor, needs

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
LANES = 8
_HOST = re.compile(r"(localhost|\[[0-9a-f:]+\]|[\w-]+(\.[\w-]+)+)(:[0-9]+)?(/.*)?", re.IGNORECASE)
_LABEL = re.compile(r"[^:/\s]+:[^/\s]+")
_PART_OF_ID = re.compile(r"[0-9a-f-]{6,35}")


class Meaning(NamedTuple):
    """What a text may stand for."""

    what: str
    path: str
    query: dict[str, str]


@router.get("/find")
async def find(visit: Visitor) -> Response:
    """Go to what the text names; if that is no one task, show what it may mean."""
    text = visit.query.get("q", "").strip()
    if not text:
        return visit.redirect("/tasks")
    if (task_id := _task_id(text)) is not None:
        return visit.redirect(f"/tasks/{task_id}")
    if text.startswith(("http://", "https://")):
        return visit.redirect("/tasks", url_prefix=text)
    found, lanes = await asyncio.gather(
        _unless_refused(visit.client.list_tasks(idempotency_key=text, limit=1), TaskPage([])),
        _unless_refused(
            visit.client.list_lanes(prefix=text, sort="name", limit=LANES), LanePage([])
        ),
    )
    if found.tasks:
        return visit.redirect(f"/tasks/{found.tasks[0].id}")
    names = [lane.lane for lane in lanes.lanes][:LANES]
    return _meanings_page(visit, text, names)


async def _unless_refused(reading: Coroutine[None, None, T], otherwise: T) -> T:
    """Return what is read; what the API cannot look for is not there."""
    try:
        return await reading
    except ApiError as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return otherwise


def _meanings_page(visit: Visit, text: str, lanes: list[str]) -> Response:
    meanings = [Meaning("Lane", "/lane", {"name": name}) for name in lanes]
    if _HOST.fullmatch(text):
        urls = [f"{scheme}://{text}" for scheme in ("https", "http")]
        meanings += [Meaning("URLs that begin with", "/tasks", {"url_prefix": url}) for url in urls]
    if _LABEL.fullmatch(text):
        meanings.append(Meaning("Tasks with the label", "/tasks", {"label": text}))
    part = _PART_OF_ID.fullmatch(text) is not None
    return visit.page("find.html", text=text, meanings=meanings, part_of_id=part)


def _task_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
