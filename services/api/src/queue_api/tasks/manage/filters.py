"""Converts query strings and filters of operations to searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from queue_common.lanes import lane_in
from queue_common.queue import TaskFilter
from queue_common.task import Outcome, State

from ...parameters import parse_time
from ...problems import FieldError
from ..option_schemas import MAX_LANE_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from enum import StrEnum

    from ...auth import Principal
    from ...parameters import Query

__all__ = ["FILTERS", "lane_name", "one_of", "read_filter", "read_labels", "read_lane", "short"]

FILTERS = frozenset({
    "state", "lane", "label", "url_prefix", "outcome", "status_code", "created_after",
    "created_before", "idempotency_key",
})  # fmt: skip
MAX_LABELS = 16
MAX_LABEL_CHARACTERS = 320
MAX_URL_CHARACTERS = 2083
MAX_KEY_CHARACTERS = 255
STATUS_CODES = range(100, 1000)
ONE_PROJECT = "is a lane of one project: name that in X-Project in place of *"
E = TypeVar("E", bound="StrEnum")


def one_of(kind: type[E]) -> Callable[[str], E]:
    """Return a parser of an enumeration's members. Its ValueError lists them."""

    def parse(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            msg = f"should be one of {', '.join(kind)}"
            raise ValueError(msg) from None

    return parse


def check_label(text: str) -> tuple[str, str]:
    """Return the key and value of ``key:value``; raises ValueError."""
    key, colon, value = text.partition(":")
    if not key or not colon or len(text) > MAX_LABEL_CHARACTERS:
        msg = "should be key:value"
        raise ValueError(msg)
    return key, value


def short(max_characters: int) -> Callable[[str], str]:
    """Return a parser that refuses an empty text and one over the limit."""

    def parse(text: str) -> str:
        if not 1 <= len(text) <= max_characters:
            msg = f"should have 1 to {max_characters} characters"
            raise ValueError(msg)
        return text

    return parse


lane_name = short(MAX_LANE_CHARACTERS)


def status_code(text: str) -> int:
    """Read an HTTP status code; raises ValueError for anything else."""
    is_number = text.isascii() and text.isdecimal() and len(text) == len("503")
    if not is_number or int(text) not in STATUS_CODES:
        msg = "should be a status code such as 503"
        raise ValueError(msg)
    return int(text)


def read_labels(texts: Sequence[str], errors: list[FieldError]) -> tuple[tuple[str, str], ...]:
    """Return the labels that a task must have. Two values of one key are an error."""
    if len(texts) > MAX_LABELS:
        errors.append(FieldError("label", f"should be given at most {MAX_LABELS} times"))
        return ()
    labels = []
    for text in texts:
        try:
            labels.append(check_label(text))
        except ValueError as error:
            errors.append(FieldError("label", str(error)))
    return tuple(labels)


def read_lane(query: Query, principal: Principal) -> str | None:
    """Return the parameter ``lane`` as the queue names it. Errors are collected in the query."""
    lane = query.read("lane", lane_name)
    if lane is not None and principal.all_projects:
        query.errors.append(FieldError("lane", ONE_PROJECT))
    return None if lane is None else lane_in(principal.project, lane)


def read_filter(query: Query, principal: Principal) -> TaskFilter:
    """Return the search of a query string. Errors are collected in the query."""
    state = query.read("state", one_of(State))
    lane = read_lane(query, principal)
    created_after = query.read("created_after", parse_time)
    found = TaskFilter(
        project=None if principal.all_projects else principal.project,
        lane=lane,
        labels=read_labels(query.texts("label"), query.errors),
        url_prefix=query.read("url_prefix", short(MAX_URL_CHARACTERS)),
        outcome=query.read("outcome", one_of(Outcome)),
        status_code=query.read("status_code", status_code),
        created_after_ms=created_after,
        created_before_ms=query.read("created_before", parse_time),
        idempotency_key=query.read("idempotency_key", short(MAX_KEY_CHARACTERS)),
    )
    return found if state is None else found.in_states(state)
