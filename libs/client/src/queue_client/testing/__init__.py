"""For tests of programs that use the client: a queue in memory.

``FakeQueue`` is the API without a server. Its clients are the real ones, so what they check, encode
and raise is what they do in production.
"""

from .fake import FakeQueue, SentTask

__all__ = ["FakeQueue", "SentTask"]
