"""What the worker's tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the worker runs on: what a loop raises for one and the same failure differs."""
    return {"uvloop": uvloop.new_event_loop}
