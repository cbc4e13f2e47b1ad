"""Real things in small, for tests: a Redis server of one's own, a destination, a wait.

The destination is in ``receiver``, apart from these: it needs aiohttp.
"""

from .redis_server import RedisServer, free_port
from .wait import wait_until

__all__ = ["RedisServer", "free_port", "wait_until"]
