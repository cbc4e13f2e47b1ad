"""Small hashes in Redis of which each process keeps a copy: keys, signing secrets."""

from .watched_hash import FullError, WatchedHash

__all__ = ["FullError", "WatchedHash"]
