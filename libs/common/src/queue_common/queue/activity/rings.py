"""Reads the stats over time, to which all processes add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..storage.connection import translated
from ..storage.keys import Key
from .histogram import quantile_ms

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..storage.keys import Keys

__all__ = ["Rings", "Series", "SeriesPoint"]

RINGS: Final = {"s": (5, 60), "h": (3600, 72)}
"""Seconds per step and number of steps, by the letter of ``record_activity.lua``."""


class SeriesPoint(msgspec.Struct, frozen=True):
    """The activity in one time step."""

    at_ms: int
    """The Unix time at which the step begins."""
    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    """Attempts."""
    dead: int = 0
    wait_p50_ms: float | None = None
    """From the time at which a task could be claimed to its attempt."""
    wait_p99_ms: float | None = None
    attempt_p50_ms: float | None = None
    attempt_p99_ms: float | None = None


class Series(msgspec.Struct, frozen=True):
    """Steps of equal length, the oldest first. The last one is incomplete."""

    step_seconds: int
    points: list[SeriesPoint]


class Rings:
    """Reads the stats of a project over time."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def read(self, project: str) -> tuple[Series, Series]:
        """Return the last 5 minutes by 5 s and the last 3 days by the hour, in O(1)."""
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._keys.of(Key.RINGS, project))
            with translated():
                (seconds, _), fields = await pipeline.execute()
        fine, coarse = (_series(letter, seconds, fields) for letter in RINGS)
        return fine, coarse


def _series(letter: str, seconds: int, fields: dict[bytes, bytes]) -> Series:
    step, length = RINGS[letter]
    last = seconds // step
    points = [
        _point(slot, step, fields.get(f"{letter}{slot % length}".encode()))
        for slot in range(last - length + 1, last + 1)
    ]
    return Series(step, points)


def _point(slot: int, step: int, raw: bytes | None) -> SeriesPoint:
    at_ms = slot * step * 1000
    if raw is None:
        return SeriesPoint(at_ms)
    kept_slot, accepted, delivered, failed, dead, waits, attempts = msgspec.msgpack.decode(raw)
    if kept_slot != slot:
        return SeriesPoint(at_ms)
    waits, attempts = _counts(waits), _counts(attempts)
    return SeriesPoint(
        at_ms, accepted, delivered, failed, dead,
        quantile_ms(waits, 0.5), quantile_ms(waits, 0.99),
        quantile_ms(attempts, 0.5), quantile_ms(attempts, 0.99),
    )  # fmt: skip


def _counts(table: Any) -> dict[int, int]:  # noqa: ANN401 - Lua has one type for lists and maps
    return {int(bucket): number for bucket, number in table.items()} if table else {}
