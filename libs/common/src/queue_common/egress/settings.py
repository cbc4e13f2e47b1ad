"""The variables of the egress guard, which API and worker both read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from ..settings import Settings
from .policy import EgressGuard, Rules

__all__ = ["EgressSettings"]


def _allowed(value: str) -> str:
    EgressGuard.from_settings(allow=value)
    return value


def _denied(value: str) -> str:
    Rules.read(value)
    return value


class EgressSettings(Settings):
    """The API refuses tasks by the same rules by which the worker refuses to connect."""

    egress_allow: Annotated[str, AfterValidator(_allowed)] = ""
    """CIDRs and host suffixes outside the public internet that may be delivered to."""
    egress_deny: Annotated[str, AfterValidator(_denied)] = ""
    """CIDRs and host suffixes that must not be delivered to; wins over EGRESS_ALLOW."""
