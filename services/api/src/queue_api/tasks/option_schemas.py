"""The types of a task's options."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "MAX_HEADERS",
    "MAX_LABELS",
    "MAX_LANE_CHARACTERS",
    "CallbackCreate",
    "Delay",
    "Headers",
    "IdempotencyKey",
    "LabelValue",
    "Labels",
    "Lane",
    "RetryCreate",
    "Statuses",
    "Time",
    "Timeout",
    "Url",
    "Uuid",
]

MAX_URL_CHARACTERS = 2083
MAX_HEADERS = 100
MAX_LANE_CHARACTERS = 300
"""A destination's lane, host and port, has up to 259."""
MAX_LABELS = 16
MAX_DELAYS = 100
MAX_STATUSES = 50
HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE = r"^[^\x00-\x08\x0a-\x1f\x7f]*$"
LABEL_NAME = r"^[A-Za-z0-9_.\-/]{1,63}$"
DURATION = r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+$"
STATUS_CLASS = r"^[1-5][xX][xX]$"
_CONTROL = r"\x00-\x1f\x7f"

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="Absolute http or https URL without credentials; a fragment is not sent.",
        extra_json_schema={"format": "uri", "pattern": "^[hH][tT][tT][pP][sS]?://"},
        examples=["http://localhost:8080/health"],
    ),
]
Headers = Annotated[
    dict[str, Annotated[str, Meta(extra_json_schema={"pattern": HEADER_VALUE})]],
    Meta(
        max_length=MAX_HEADERS,
        description="Sent as they are, in UTF-8. Hop-by-hop headers, Host and Content-Length are "
        "refused.",
        examples=[{"X-Event": "order.created"}],
        extra_json_schema={"propertyNames": {"pattern": HEADER_NAME}, "default": {}},
    ),
]
Uuid = Annotated[
    str,
    Meta(
        description="The task's id, if it is not to be generated. The same task under the same id "
        "is kept once.",
        extra_json_schema={"format": "uuid"},
        examples=["01a20d94-4598-77ff-aa01-ede0158d74bc"],
    ),
]
Lane = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_LANE_CHARACTERS,
        description="The lane the task waits in; by default its destination's host:port.",
        extra_json_schema={"pattern": f"^(?!saq:)[^{_CONTROL}]+$"},
        examples=["invoices"],
    ),
]
Time = Annotated[
    str,
    Meta(
        description="When the first attempt is due, at most 30 days ahead (RFC 3339); a time that "
        "has passed is at once. Not together with delay.",
        extra_json_schema={"format": "date-time"},
        examples=["2026-12-01T09:00:00Z"],
    ),
]
UNITS = "in the units ms, s, m, h and d"
DurationText = Annotated[
    str, Meta(extra_json_schema={"pattern": DURATION}, examples=["90s", "1m30s"])
]
Delay = Annotated[
    DurationText,
    Meta(
        description=f"How long the first attempt waits, at most 30 days, {UNITS}. Not together "
        "with schedule_at.",
        examples=["90s", "1d10h30m"],
    ),
]
Interval = Annotated[
    DurationText,
    Meta(
        description=f"The first wait, at most 30 days, {UNITS}; by default the worker's (10 s). "
        "Not for schedule."
    ),
]
MaxInterval = Annotated[
    DurationText,
    Meta(description=f"The longest wait of linear and exponential, at most 30 days, {UNITS}."),
]
Deadline = Annotated[
    DurationText,
    Meta(
        description="The time from the first attempt's due time until the task is given up, at "
        f"most 30 days, {UNITS}. Default: 30 days with max_attempts or the strategy schedule, "
        "otherwise the worker's (24 h).",
        examples=["2d"],
    ),
]
Delays = Annotated[
    list[DurationText],
    Meta(
        min_length=1,
        max_length=MAX_DELAYS,
        description=f"The waits of schedule, each at most 30 days, {UNITS}; then no more.",
        examples=[["5s", "1m", "1h"]],
    ),
]
Timeout = Annotated[
    str,
    Meta(
        description="For one attempt, 1s to 30m, in the units ms, s, m and h.",
        extra_json_schema={"pattern": DURATION},
        examples=["90s", "10m"],
    ),
]
StatusCode = Annotated[int, Meta(ge=100, le=599)]
StatusClass = Annotated[str, Meta(extra_json_schema={"pattern": STATUS_CLASS})]
Failure = Annotated[
    str, Meta(extra_json_schema={"pattern": f"{STATUS_CLASS}|^timeout$|^connection$"})
]
Statuses = Annotated[
    list[StatusCode | StatusClass],
    Meta(
        min_length=1,
        max_length=MAX_STATUSES,
        description="The status codes, and classes of them, that count as delivered; by default "
        "2xx.",
        examples=[["2xx", 404]],
    ),
]
Failures = Annotated[
    list[StatusCode | Failure],
    Meta(
        max_length=MAX_STATUSES,
        description="The failures that are tried again: status codes, classes of them, timeout and "
        "connection; by default all.",
        examples=[["5xx", 408, 429, "timeout", "connection"]],
    ),
]
IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="A name for this request. While it is remembered (IDEMPOTENCY_TTL), the same "
        "request with the same key is answered with the task that the first has made.",
        examples=["invoice-7"],
    ),
]
LabelValue = Annotated[str, Meta(max_length=255)]
Labels = Annotated[
    dict[str, LabelValue],
    Meta(
        max_length=MAX_LABELS,
        description="Names and values by which the task can be found.",
        extra_json_schema={"propertyNames": {"pattern": LABEL_NAME}},
        examples=[{"customer": "42"}],
    ),
]


class RetryCreate(msgspec.Struct, forbid_unknown_fields=True):
    """The retry policy of a task. Missing fields have the default of the worker."""

    strategy: Annotated[
        Literal["constant", "linear", "exponential", "schedule"],
        Meta(
            description="constant: interval; linear: interval, twice, three times interval; "
            "exponential: each wait is multiplier times the one before; schedule: delays, then no "
            "more."
        ),
    ] = "constant"
    interval: Interval | UnsetType = UNSET
    max_interval: MaxInterval | UnsetType = UNSET
    multiplier: (
        Annotated[float, Meta(ge=1, le=100, description="Only for exponential; default: 2.")]
        | UnsetType
    ) = UNSET
    delays: Delays | UnsetType = UNSET
    jitter: Annotated[
        float,
        Meta(ge=0, le=1, description="The largest share by which a wait is randomly shortened."),
    ] = 0.0
    max_attempts: (
        Annotated[
            int,
            Meta(ge=1, le=1_000_000, description="The task is given up after so many attempts."),
        ]
        | UnsetType
    ) = UNSET
    deadline: Deadline | UnsetType = UNSET
    on: Failures | UnsetType = UNSET


class CallbackCreate(msgspec.Struct, forbid_unknown_fields=True):
    """The URL that gets the task's result, by a separate task."""

    url: Url
    on: Annotated[
        list[Literal["delivered", "dead", "attempt"]],
        Meta(
            min_length=1,
            max_length=3,
            description="What is told; attempt: each failed attempt that is followed by another. "
            "Default: delivered and dead.",
        ),
    ] = msgspec.field(default_factory=lambda: ["delivered", "dead"])
    headers: Headers | UnsetType = UNSET
