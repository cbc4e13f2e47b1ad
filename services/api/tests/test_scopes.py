"""No route of the API does without the check of its key."""

from __future__ import annotations

import re
import uuid

import httpx

from .conftest import Api
from .test_keys import bearer, new_key, root

__all__ = ["root"]

ENQUEUE_MAY = {
    ("post", "/api/v1/tasks"), ("post", "/api/v1/tasks/batch"), ("post", "/api/v1/retry-preview"),
}  # fmt: skip
ANY_KEY_MAY = {("get", "/api/v1/me")}


async def test_no_route_forgets_its_scope(closed_api: Api, root: httpx.AsyncClient) -> None:
    """Each documented operation is 401 without a key and 403 with one that may only send tasks."""
    paths = (await root.get("/openapi.json")).json()["paths"]
    key = bearer((await new_key(root))["key"])
    operations = [
        (method, path)
        for path, found in paths.items()
        for method in found
        if path.startswith("/api/") and (method, path) not in ENQUEUE_MAY | ANY_KEY_MAY
    ]
    async with httpx.AsyncClient(base_url=closed_api.url) as client:
        statuses = {}
        for method, path in operations:
            target = re.sub(r"{\w+}", str(uuid.uuid4()), path)
            without = await client.request(method, target)
            lacking = await client.request(method, target, headers=key)
            statuses[method, path] = (without.status_code, lacking.status_code)

    assert len(operations) > 15
    assert {o: s for o, s in statuses.items() if s != (401, 403)} == {}


async def test_who_sends_or_looks_may_preview(closed_api: Api, root: httpx.AsyncClient) -> None:
    """A policy may be previewed with a key that sends tasks, or one that looks at them."""
    async with httpx.AsyncClient(base_url=closed_api.url) as client:
        for scope in ("enqueue", "read"):
            key = bearer((await new_key(root, scopes=[scope]))["key"])
            preview = await client.post("/api/v1/retry-preview", json={}, headers=key)
            assert preview.status_code == 200, scope
