"""Real things in small, for tests: a Redis server of one's own, a destination, a wait."""

from .redis_server import RedisServer
from .wait import wait_until

__all__ = ["RedisServer", "wait_until"]
