"""What JSON Schema cannot say of a task; schemathesis loads this by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import json
import re
import time
import uuid
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.generation import GenerationMode

from queue_api.parameters import parse_time
from queue_api.tasks.batch.reader import NDJSON
from queue_api.tasks.checks import check_url, destination_check, header_errors
from queue_api.tasks.errors import validation_errors
from queue_common.egress import EgressGuard
from queue_common.lanes import lane_of

KEY = re.compile(r"[!-~]{1,255}")
LABEL = st.from_regex(r"[a-w](?:[a-z0-9_]{0,8}[a-z0-9_])?", fullmatch=True)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", ":1", ":65535", ":"]),
    st.from_regex(r"(?:/[!-\[\]-~¡-\ud7ff]{0,20})?", fullmatch=True),
)
schemathesis.openapi.format("uri", URLS)
REQUEST = {"url", "method", "headers", "body", "body_base64"}
_denial_reason = destination_check(EgressGuard.from_settings())


@schemathesis.serializer(NDJSON)
def write_lines(_context: object, value: object) -> bytes:
    """Return a text of lines as it is: for the API each of them is right or wrong by itself."""
    return str(value).encode(errors="replace")


@schemathesis.hook
def filter_body(_context: schemathesis.HookContext, body: object) -> bool:
    """Leave out what matches the schema but is refused by what a URL or a header means."""
    if not isinstance(body, dict):
        return True
    if "url" not in body:  # it is no task, but perhaps its policy
        return "retry" not in body or not _has_wrong_options({"retry": body["retry"]})
    callback = body.get("callback")
    return not (
        _has_unusable_url(body.get("url"))
        or (isinstance(callback, dict) and _has_unusable_url(callback.get("url")))
        or _has_unusable_headers(body.get("headers"))
        or _has_wrong_options(body)
    )


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leave out what cannot be wrong: a replay without a body, and lines of a batch."""
    is_replay = case.operation.path.endswith("/replay") and case.method == "POST"
    meant_wrong = case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE
    may_be_so = case.media_type == NDJSON or (is_replay and isinstance(case.body, NotSet))
    return not (meant_wrong and may_be_so)


def _write_integers(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Write 40.0 as 40: JSON Schema calls both an integer, the API only the second."""
    if isinstance(value, dict):
        return {name: _write_integers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_write_integers(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _has_wrong_options(body: dict[str, object]) -> bool:
    options = {name: value for name, value in body.items() if name not in REQUEST}
    if not options:
        return False
    raw = json.dumps({"url": "http://a/", **options}, default=str).encode(errors="replace")
    return bool(validation_errors(raw, 1))


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, object]
) -> None:
    """Move an end that is a time into the future: the past is refused. Give each request a key.

    Cursors that are made up are left out.
    """
    query: Any = case.query
    if query and query.get("cursor"):
        del query["cursor"]
    _prepare_listener(case)
    headers: Any = case.headers
    if headers and KEY.fullmatch(str(headers.get("Idempotency-Key", ""))):
        headers["Idempotency-Key"] = uuid.uuid4().hex
        if isinstance(case.body, dict) and "idempotency_key" in case.body:
            del headers["Idempotency-Key"]  # it would have to be the same
    case.body = _write_integers(case.body)
    if not isinstance(case.body, dict):
        return
    if (case.path_parameters or {}).get("project") == "default":
        case.body.pop("limits", None)  # it has none
    key = case.body.get("idempotency_key")
    if isinstance(key, str) and 0 < len(key) < 200:
        # The same key for another request is refused.
        case.body["idempotency_key"] = f"{key}{uuid.uuid4()}"
    ends = case.body.get("expires_at")
    with suppress(ValueError):
        if isinstance(ends, str) and parse_time(ends) <= time.time() * 1000:
            case.body["expires_at"] = "2999-12-31T23:59:59Z"


def _prepare_listener(case: schemathesis.Case[Any]) -> None:
    """Wait for no delivery. Give each listener a lane of its own: a new one replaces the old."""
    if case.operation.path.endswith("/next") and case.method == "GET":
        case.query = {"wait": "0s"} if set(case.query or {}) <= {"wait"} else case.query
    if not isinstance(case.body, dict) or "/listeners" not in case.operation.path:
        return
    for name in ("lane", "host"):
        lane = case.body.get(name)
        if isinstance(lane, str) and 0 < len(lane) < 150:
            case.body[name] = lane + uuid.uuid4().hex


def _has_unusable_url(url: object) -> bool:
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        return False
    try:
        checked = check_url(url)
    except ValueError:
        return True
    return _denial_reason(lane_of(checked)) is not None


def _has_unusable_headers(headers: object) -> bool:
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        return False
    return bool(header_errors(headers))
