"""Test helpers: a real Redis server, a destination, and waiting for conditions.

The destination (``receiver``) is not imported here, because it needs aiohttp.
"""

from .redis_server import RedisServer, free_port
from .wait import wait_until

__all__ = ["RedisServer", "free_port", "wait_until"]
