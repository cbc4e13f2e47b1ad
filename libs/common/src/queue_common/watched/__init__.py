"""Small hashes in Redis that each process caches: keys, signing secrets."""

from .watched_hash import FullError, WatchedHash

__all__ = ["FullError", "WatchedHash"]
