"""API keys, for admins."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from msgspec import UNSET
from starlette.responses import Response

from queue_client import ApiError, UnavailableError

from ...access.forms import Form, FormError
from ...access.visit import PostedForm, Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("admin")])
SCOPES = {
    "enqueue": "send tasks",
    "read": "see everything of the project",
    "manage": "cancel, run, replay, delete; lanes; request bodies",
    "admin": "keys and projects, of all projects",
}
LIMIT = 100


@router.get("/keys")
async def list_keys(visit: Visitor) -> Response:
    """Show the keys, without their secrets."""
    return await _keys_page(visit, {"project": visit.me.project}, None)


async def _keys_page(
    visit: Visitor, values: dict[str, str], error: ApiError | FormError | None
) -> Response:
    page = await visit.client.list_keys(cursor=visit.query.get("cursor"), limit=LIMIT)
    return visit.page(
        "keys.html", 200 if error is None else error.status, page=page, values=values, error=error,
        scopes=SCOPES,
    )  # fmt: skip


@router.post("/keys")
async def create_key(visit: Visitor, form: PostedForm) -> Response:
    """Make a key and show it, this once."""
    try:
        hosts = [host.strip() for host in form.get("allowed_hosts", "").split(",") if host.strip()]
        made = await visit.client.create_key(
            project=form.text("project") or visit.me.project, name=form.get("name", "").strip(),
            scopes=[scope for scope in SCOPES if f"scope_{scope}" in form],
            expires_at=_expiry(form) or UNSET, allowed_hosts=hosts or UNSET,
        )  # fmt: skip
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        return await _keys_page(visit, form, error)
    return visit.page(
        "secret.html", title="The new key", name=made.name, secret=made.key, back="/keys"
    )


def _expiry(form: Form) -> datetime | None:
    day = form.text("expires_at")
    try:
        return None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError as error:
        raise FormError(422, "expires_at: should be a day such as 2027-01-31") from error


@router.post("/keys/{key_id}/revoke")
async def revoke_key(visit: Visitor, key_id: str, _: PostedForm) -> Response:
    """Withdraw a key."""
    await visit.client.delete_key(key_id)
    return visit.redirect("/keys", said="revoked")
