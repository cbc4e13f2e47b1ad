"""The routes of projects: list, get, set, delete."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.errors import UnknownProjectError
from queue_common.lanes import DEFAULT_PROJECT

from ..auth import IsAdmin
from ..auth.project_names import check_project_name
from ..parameters import Query, invalid_request, read_body, refuse_cursor, respond
from ..problems import FieldError
from . import openapi
from .schemas import ProjectList, ProjectPut

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["projects"])


@router.head(openapi.PATH, include_in_schema=False)
@router.get(openapi.PATH, openapi_extra=openapi.LIST)
async def list_projects(request: Request, _principal: IsAdmin) -> Response:
    """List the projects that have settings or had tasks, with their use."""
    context: AppContext = request.app.state.api
    query = Query(request, {"limit", "cursor"})
    limit, cursor = query.limit(), query.text("cursor")
    query.check()
    if cursor is not None and not _is_name(cursor):
        raise refuse_cursor()
    page = await context.queue.projects.page(after=cursor or "", limit=limit)
    return respond(ProjectList(page.projects, page.cursor))


@router.head(openapi.PATH + "/{project}", include_in_schema=False)
@router.get(openapi.PATH + "/{project}", openapi_extra=openapi.GET)
async def get_project(request: Request, _principal: IsAdmin) -> Response:
    """Return a project: its weight, limits and use."""
    context: AppContext = request.app.state.api
    return respond(await context.queue.projects.get(_known_name(request)))


@router.put(openapi.PATH + "/{project}", openapi_extra=openapi.PUT)
async def put_project(request: Request, principal: IsAdmin) -> Response:
    """Replace a project's weight and limits, with immediate effect."""
    context: AppContext = request.app.state.api
    project = request.path_params["project"]
    try:
        check_project_name(project)
    except ValueError as error:
        raise invalid_request([FieldError("project", str(error))]) from None
    put = await read_body(request, ProjectPut, required=True)
    if put.limits.burst is not None and put.limits.rate is None:
        raise invalid_request([FieldError("limits.burst", "should come with a rate")])
    limits = put.limits.limits()
    if project == DEFAULT_PROJECT and any(msgspec.structs.astuple(limits)):
        reason = "cannot be set for the project default; MAX_BACKLOG bounds the queue as a whole"
        raise invalid_request([FieldError("limits", reason)])
    found = await context.queue.projects.put(project, weight=put.weight, limits=limits)
    details = msgspec.to_builtins(put)
    await context.audit.record(principal, "project.put", project, **details)
    return respond(found)


@router.delete(
    openapi.PATH + "/{project}", openapi_extra=openapi.DELETE, status_code=HTTPStatus.NO_CONTENT
)
async def delete_project(request: Request, principal: IsAdmin) -> Response:
    """Delete the weight and limits of a project without tasks. Its keys stay valid."""
    context: AppContext = request.app.state.api
    project = _known_name(request)
    await context.queue.projects.delete(project)
    await context.audit.record(principal, "project.delete", project)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _is_name(text: str) -> bool:
    try:
        check_project_name(text)
    except ValueError:
        return False
    return True


def _known_name(request: Request) -> str:
    project: str = request.path_params["project"]
    if not _is_name(project):
        msg = "no project has this name"
        raise UnknownProjectError(msg)
    return project
