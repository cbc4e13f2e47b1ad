"""A histogram of durations with four buckets per doubling, so quantiles are accurate to 10 %."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUCKETS", "bucket_of", "quantile_ms"]

BUCKETS: Final = 128
"""Up to 2**32 ms, 50 days."""
_A_DOUBLING = 4
_OFFSET = 1


def bucket_of(ms: float) -> int:
    """Return the bucket of a duration. Those below 1 ms are in the first."""
    if ms < 1:
        return 0
    return min(int(math.log2(ms) * _A_DOUBLING) + _OFFSET, BUCKETS - 1)


def quantile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """Return the quantile for ``share``; None if there are no durations."""
    left = math.ceil(sum(counts.values()) * share)
    if left == 0:
        return None
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            break
    middle = 0.5 if bucket == 0 else 2 ** ((bucket - _OFFSET + 0.5) / _A_DOUBLING)
    return round(middle, 1)
