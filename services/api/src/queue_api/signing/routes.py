"""The routes of signing secrets."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from msgspec import UNSET

from queue_common.signing import SigningRecord, new_secret, parse_secret
from queue_common.watched import FullError

from ..auth import IsAdmin
from ..auth.project_names import check_project_name
from ..parameters import invalid_request, read_body, respond, written_time
from ..problems import FieldError, ProblemError
from . import openapi
from .schemas import Secret, SecretCreate, SecretCreated, Secrets

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["router"]

PATH = "/api/v1/projects/{project}/signing-secrets"

router = APIRouter(tags=["projects"])


@router.post(PATH, openapi_extra=openapi.CREATE, status_code=201)
async def create_secret(request: Request, principal: IsAdmin) -> Response:
    """Have a project's requests signed with one secret more, a new one or the given one.

    Only this response contains the secret. Within two seconds all workers sign with it,
    and with the project's other secrets until those are deleted.
    """
    context: AppContext = request.app.state.api
    project = _project(request)
    if "content-type" not in request.headers:
        detail = "Content-Type is missing; send application/json, {} for a new secret"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    create = await read_body(request, SecretCreate)
    text = new_secret() if create.secret is UNSET else create.secret
    try:
        key = parse_secret(text)
    except ValueError as error:
        raise invalid_request([FieldError("secret", str(error))]) from None
    try:
        record = await context.signing.add(f"ss_{secrets.token_hex(8)}", project, key)
    except FullError as error:
        detail = f"No further secret can be kept: {error}. Delete one."
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "limit-exceeded", detail) from None
    await context.audit.record(principal, "signing-secret.create", record.id, of_project=project)
    created = SecretCreated(record.id, _created_at(record), readable=True, secret=text)
    response = respond(created, HTTPStatus.CREATED)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.head(PATH, include_in_schema=False)
@router.get(PATH, openapi_extra=openapi.LIST)
async def list_secrets(request: Request, _principal: IsAdmin) -> Response:
    """List a project's secrets by their ids, the newest first."""
    context: AppContext = request.app.state.api
    project = _project(request)
    await context.signing.refresh()
    records = [r for r in context.signing.records.values() if r.project == project]
    records.sort(key=lambda record: (record.created_at_ms, record.id), reverse=True)
    unreadable = context.signing.unreadable
    return respond(Secrets([Secret(r.id, _created_at(r), r.id not in unreadable) for r in records]))


@router.delete(PATH + "/{secret_id}", openapi_extra=openapi.DELETE, status_code=204)
async def delete_secret(request: Request, principal: IsAdmin) -> Response:
    """Sign with this secret no more."""
    context: AppContext = request.app.state.api
    project = _project(request)
    secret_id = request.path_params["secret_id"]
    await context.signing.refresh()
    record = context.signing.records.get(secret_id)
    if record is None or record.project != project or not await context.signing.remove(secret_id):
        detail = "The project has no secret with this id."
        raise ProblemError(HTTPStatus.NOT_FOUND, "unknown-signing-secret", detail)
    await context.audit.record(principal, "signing-secret.delete", secret_id, of_project=project)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _project(request: Request) -> str:
    try:
        return check_project_name(request.path_params["project"])
    except ValueError as error:
        raise invalid_request([FieldError("project", str(error))]) from None


def _created_at(record: SigningRecord) -> str:
    return written_time(record.created_at_ms) or ""
