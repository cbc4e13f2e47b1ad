"""When a request is made again: the policy, without any waiting or sending."""

from __future__ import annotations

import logging
import math
import random
from dataclasses import dataclass, replace

import httpx

from .errors import ApiError, UnreachableError

__all__ = ["Reconnecting", "RetryPolicy", "Tries"]

logger = logging.getLogger("queue_client")

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
REFUSED = frozenset({429, 503})
"""The API did nothing: any request may be made again."""
LOST = frozenset({502, 504})
"""A proxy lost the answer: what is repeatable may be made again."""


MAX_DOUBLINGS = 30


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how long to wait in between."""

    max_retries: int = 4
    first_delay: float = 0.2
    """Seconds; each further delay is twice as long, and up to a half of it is random."""
    max_delay: float = 10.0
    max_retry_after: float = 60.0
    """The longest ``Retry-After`` that is waited for; a longer one is the caller's to handle."""


class Tries:
    """The tries of one call: says after each failure how long to wait, or raises it."""

    def __init__(self, policy: RetryPolicy, *, repeatable: bool) -> None:
        self._policy = policy
        self._repeatable = repeatable
        self._failures = 0

    def after_error(self, error: httpx.TransportError) -> float:
        """Return the seconds to wait after a request without an answer."""
        if not (self._repeatable or isinstance(error, NEVER_SENT)) or self._exhausted():
            raise UnreachableError(_said(error)) from error
        return self._delay()

    def after_refusal(self, error: ApiError) -> float:
        """Return the seconds to wait after an answer that is no success."""
        again = error.status in REFUSED or (self._repeatable and error.status in LOST)
        asked = error.retry_after
        too_long = asked is not None and asked > self._policy.max_retry_after
        if not again or too_long or self._exhausted():
            raise error
        return self._delay() if asked is None else asked

    def _exhausted(self) -> bool:
        self._failures += 1
        return self._failures > self._policy.max_retries

    def _delay(self) -> float:
        delay = self._policy.first_delay * float(2 ** (self._failures - 1))
        jitter = 1 - random.random() / 2  # noqa: S311 - spreads load, guards nothing
        return min(delay, self._policy.max_delay) * jitter


class Reconnecting(Tries):
    """The tries of a stream that was connected: they have no limit, and are logged."""

    def __init__(self, policy: RetryPolicy) -> None:
        super().__init__(replace(policy, max_retry_after=math.inf), repeatable=True)

    def after_error(self, error: httpx.TransportError) -> float:
        """Return the seconds to wait after a connection that broke, or was not made."""
        delay = super().after_error(error)
        logger.warning("the connection is lost (%s): connecting again in %.1f s", error, delay)
        return delay

    def after_refusal(self, error: ApiError) -> float:
        """Return the seconds to wait after an answer that is no stream."""
        delay = super().after_refusal(error)
        logger.warning("no events (%s): connecting again in %.1f s", error, delay)
        return delay

    def _exhausted(self) -> bool:
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        return False


def _said(error: httpx.TransportError) -> str:
    where = f" ({error.request.url})" if _has_request(error) else ""
    return f"{type(error).__name__}: {error}{where}" if str(error) else type(error).__name__ + where


def _has_request(error: httpx.TransportError) -> bool:
    return error._request is not None
