"""The one-letter codes that Python and the scripts exchange.

The scripts define the same names, ``STATE_*`` in ``prelude.lua`` and the others in ``settle.lua``;
``test_layout.py`` compares the two. A release must read what the one before it has written.
"""

from __future__ import annotations

from typing import Final

from ...task import State

STATE_QUEUED: Final = b"q"
STATE_SUSPECT: Final = b"u"
"""Queued, but stored in another place: see ``suspects.lua``."""
STATE_SCHEDULED: Final = b"s"
STATE_ACTIVE: Final = b"a"
STATE_DEAD: Final = b"d"
STATE_DELIVERED: Final = b"k"
STATE_CANCELLED: Final = b"x"

STATES: Final = {
    STATE_QUEUED: State.QUEUED,
    STATE_SUSPECT: State.QUEUED,
    STATE_SCHEDULED: State.SCHEDULED,
    STATE_ACTIVE: State.ACTIVE,
    STATE_DEAD: State.DEAD,
    STATE_DELIVERED: State.DELIVERED,
    STATE_CANCELLED: State.CANCELLED,
}

CANCEL_REQUESTED: Final = b"x"
"""In a record: a client cancelled the task while it was active."""
CANCEL_NONE: Final = b"-"

ACTION_DELIVERED: Final = b"k"
ACTION_DELIVERED_WHOLE: Final = b"f"
"""Delivered, and the record as it was is kept beside the compact one for a while."""
ACTION_RETRY: Final = b"s"
ACTION_DEAD: Final = b"d"
ACTION_RELEASE: Final = b"b"

LIMITS: Final = {
    -2: "rate",
    -3: "waiting",
    -4: "stored_bytes",
    -5: "lanes",
    -6: "backlog",
    -7: "lane_backlog",
}
"""``LIMIT_*`` of ``enqueue_limits.lua``, by the names that clients see."""

NEW: Final = 1
"""Result of ``enqueue.lua``: it has stored the task."""
OTHER_CONTENT: Final = -9
"""Result of ``enqueue.lua``: the idempotency key belongs to another request."""

OUTBOX_TASK: Final = b"T"
OUTBOX_DIED: Final = b"D"
"""A task died without a settlement: what follows is not known yet."""

EVIDENCE_NONE: Final = b"-"
EVIDENCE_RESPONDS: Final = b"g"
EVIDENCE_PROVES: Final = b"p"
"""The destination responds, and its lane was on trial."""
EVIDENCE_FAILS: Final = b"b"
EVIDENCE_UNREACHABLE: Final = b"d"
"""No attempt was made, because the lane's address hangs and has enough attempts."""
