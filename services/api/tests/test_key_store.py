"""Keys that have expired make room."""

from __future__ import annotations

import time

import pytest

from queue_api.auth import Scope
from queue_api.auth.known_keys import KnownKeys
from queue_api.keys import store
from queue_api.keys.record import KeyRecord, new_key
from queue_api.keys.store import EXPIRED_KEPT_MS, KeyStore
from queue_common.queue import TaskQueue
from queue_common.watched import FullError


def key_that_ended(ms_ago: float | None) -> KeyRecord:
    """Return a key that expired so long ago; None: one without an end."""
    end = None if ms_ago is None else round(time.time() * 1000 - ms_ago)
    return new_key("p", "n", [Scope.READ], expires_at_ms=end, allowed_hosts=None)[0]


@pytest.fixture
def keys(queue: TaskQueue) -> KeyStore:
    return KeyStore(queue, KnownKeys())


async def test_keys_are_removed_30_days_after_their_end(keys: KeyStore) -> None:
    """A new key takes the place of those that expired 30 days ago; others stay listed."""
    old, recent, endless = map(key_that_ended, (EXPIRED_KEPT_MS + 1000, 1000, None))
    for record in (old, recent, endless):
        await keys.add(record)
    added = key_that_ended(None)
    await keys.add(added)

    assert keys.records.keys() == {recent.id, endless.id, added.id}


async def test_expired_keys_make_room(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room all that have expired are removed; valid ones stay, and then it is full."""
    monkeypatch.setattr(keys._hash, "_max_entries", 2)
    monkeypatch.setattr(store, "MAX_KEYS", 2)
    expired, valid, added = map(key_that_ended, (1000, None, None))
    for record in (expired, valid, added):
        await keys.add(record)
    assert keys.records.keys() == {valid.id, added.id}

    with pytest.raises(FullError):
        await keys.add(key_that_ended(None))
