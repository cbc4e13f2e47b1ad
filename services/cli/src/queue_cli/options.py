"""Options that several commands have, and how their values are read."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from queue_client import Retry

__all__ = [
    "DataOption",
    "HeaderOption",
    "LabelOption",
    "LaneOption",
    "RetryOption",
    "YesOption",
    "read_body",
    "read_data",
    "read_headers",
    "read_label",
    "read_labels",
    "read_rate",
    "read_retry",
    "read_time",
]

LaneOption = Annotated[str | None, typer.Option("--lane", help="Such as hooks.example.com:443.")]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Several must all hold.")
]
HeaderOption = Annotated[
    list[str] | None, typer.Option("-H", "--header", metavar="'NAME: VALUE'", help="A header.")
]
DataOption = Annotated[
    str | None,
    typer.Option("-d", "--data", help="The body; @FILE reads a file, @- or - the standard input."),
]
RetryOption = Annotated[
    str | None,
    typer.Option(
        "--retry",
        metavar="SPEC",
        help="Such as exponential,interval=1s,max_attempts=5,on=5xx+timeout.",
    ),
]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
STRATEGIES = ("constant", "linear", "exponential", "schedule")
INTEGERS = {"max_attempts"}
NUMBERS = {"multiplier", "jitter"}


def read_headers(given: list[str] | None) -> dict[str, str]:
    """Read ``NAME: VALUE``."""
    headers = {}
    for one in given or []:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            msg = f"{one!r} should be 'NAME: VALUE'"
            raise typer.BadParameter(msg, param_hint="-H")
        headers[name.strip()] = value.strip()
    return headers


def read_label(text: str) -> tuple[str, str]:
    """Read ``KEY=VALUE``, or ``KEY:VALUE`` as the API writes it."""
    key, separator, value = text.partition("=" if "=" in text else ":")
    if not separator or not key:
        msg = f"{text!r} should be KEY=VALUE"
        raise typer.BadParameter(msg, param_hint="--label")
    return key, value


def read_labels(given: list[str] | None) -> list[str] | None:
    """Return labels as a filter takes them."""
    return [":".join(read_label(one)) for one in given] if given else None


def read_data(given: str | None) -> bytes | None:
    """Return the bytes of ``-d``."""
    if given is None:
        return None
    if given in {"-", "@-"}:
        return sys.stdin.buffer.read()
    return Path(given[1:]).read_bytes() if given.startswith("@") else os.fsencode(given)


def read_body(given: str | None) -> str | bytes | None:
    """Return the body of ``-d``: text if it is some."""
    data = read_data(given)
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def read_retry(spec: str) -> Retry:
    """Read ``STRATEGY,name=value,…``; the values of a list are joined by ``+``."""
    from queue_client import Retry

    fields: dict[str, Any] = {}
    for part in spec.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            fields[name.replace("-", "_")] = _retry_value(name.replace("-", "_"), value)
        else:
            fields["strategy"] = name
    if fields.get("strategy", STRATEGIES[0]) not in STRATEGIES:
        msg = f"{fields['strategy']!r} is none of {', '.join(STRATEGIES)}"
        raise typer.BadParameter(msg, param_hint="--retry")
    unknown = fields.keys() - set(Retry.__struct_fields__)
    if unknown:
        known = ", ".join(Retry.__struct_fields__)
        msg = f"{sorted(unknown)[0]!r} is none of {known}"
        raise typer.BadParameter(msg, param_hint="--retry")
    return Retry(**fields)


def _retry_value(name: str, value: str) -> Any:
    try:
        if name == "delays":
            return value.split("+")
        if name == "on":
            return [int(one) if one.isdigit() else one for one in value.split("+")]
        if name in INTEGERS:
            return int(value)
        return float(value) if name in NUMBERS else value
    except ValueError:
        msg = f"{name} should be a number, not {value!r}"
        raise typer.BadParameter(msg, param_hint="--retry") from None


def read_rate(text: str | None) -> int | None:
    """Read ``50`` or ``50/s``."""
    if text is None:
        return None
    number = text.removesuffix("/s")
    if not number.isdigit() or int(number) < 1:
        msg = f"{text!r} should be tasks a second, such as 50/s"
        raise typer.BadParameter(msg, param_hint="--rate")
    return int(number)


def read_time(text: str | None) -> datetime | None:
    """Read a time (RFC 3339), or a duration before now such as ``2h``."""
    if text is None:
        return None
    parts = DURATION.findall(text)
    if parts and "".join(map("".join, parts)) == text:
        return datetime.now(UTC) - timedelta(seconds=sum(float(n) * SECONDS[u] for n, u in parts))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} should be such as 2026-11-28T12:00:00Z, or 2h for two hours ago"
        raise typer.BadParameter(msg) from None
    return at if at.tzinfo else at.astimezone()
