"""Errors in telemetry must not change what happens to a task."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["never_raises"]

P = ParamSpec("P")

logger = structlog.stdlib.get_logger(__name__)


def never_raises(record: Callable[P, None]) -> Callable[P, None]:
    """Make a recording function log its errors instead of raising them."""

    @wraps(record)
    def recording(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(*args, **kwargs)
        except Exception:
            logger.exception("trace.failed")

    return recording
