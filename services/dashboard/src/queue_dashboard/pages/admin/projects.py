"""Projects: share, limits, signing secrets; for admins."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, Limits, UnavailableError

from ...access.forms import FormError
from ...access.visit import PostedForm, Visitor, needs

__all__ = ["router"]

router = APIRouter(dependencies=[needs("admin")])
LIMITS = {
    "rate": "tasks accepted a second",
    "burst": "at once above that",
    "waiting": "tasks that wait",
    "stored_bytes": "bytes stored",
    "in_flight": "attempts under way",
    "lanes": "lanes",
}


@router.get("/projects")
async def list_projects(visit: Visitor) -> Response:
    """Show all projects and what they use."""
    found = await visit.client.list_projects()
    return visit.page("projects.html", projects=found.projects)


@router.get("/projects/{project}")
async def show_project(visit: Visitor, project: str) -> Response:
    """Show a project's limits, use and signing secrets."""
    return await _project_page(visit, project, None)


async def _project_page(visit: Visitor, name: str, error: ApiError | FormError | None) -> Response:
    project, secrets = await asyncio.gather(
        visit.client.get_project(name), visit.client.list_signing_secrets(name)
    )
    return visit.page(
        "project.html", 200 if error is None else error.status, project=project, error=error,
        secrets=secrets.signing_secrets, limits=LIMITS,
    )  # fmt: skip


@router.post("/projects")
async def make_project(visit: Visitor, form: PostedForm) -> Response:
    """Make a project, without limits."""
    name = form.text("project")
    if name is None:
        raise FormError(422, "project: should be a name")
    await visit.client.set_project(name)
    return visit.redirect(f"/projects/{name}", said="saved")


@router.post("/projects/{project}")
async def set_project(visit: Visitor, project: str, form: PostedForm) -> Response:
    """Set a project's share and limits; an empty field is no limit."""
    try:
        whole = {name: form.whole(name) for name in LIMITS if name != "rate"}
        limits = Limits(rate=form.number("rate"), **whole)
        await visit.client.set_project(project, weight=form.whole("weight") or 1, limits=limits)
    except (ApiError, FormError) as error:
        if isinstance(error, UnavailableError):
            raise
        return await _project_page(visit, project, error)
    return visit.redirect(f"/projects/{project}", said="saved")


@router.post("/projects/{project}/delete")
async def delete_project(visit: Visitor, project: str, _: PostedForm) -> Response:
    """Delete a project."""
    await visit.client.delete_project(project)
    return visit.redirect("/projects", said="deleted")


@router.post("/projects/{project}/secrets")
async def add_secret(visit: Visitor, project: str, _: PostedForm) -> Response:
    """Make a signing secret and show it, this once."""
    made = await visit.client.create_signing_secret(project)
    return visit.page(
        "secret.html", title="The new signing secret", name=project, secret=made.secret,
        back=f"/projects/{project}",
    )  # fmt: skip


@router.post("/projects/{project}/secrets/{secret_id}/delete")
async def delete_secret(visit: Visitor, project: str, secret_id: str, _: PostedForm) -> Response:
    """Sign with a secret no more."""
    await visit.client.delete_signing_secret(project, secret_id)
    return visit.redirect(f"/projects/{project}", said="deleted")
