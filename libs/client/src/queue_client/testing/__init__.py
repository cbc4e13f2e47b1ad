"""For tests of programs that use the client: a queue in memory.

``FakeQueue`` is the API without a server. Its clients are the real ones. It has tasks, batches,
operations, dead letters, lanes and stats, and refuses tasks that the API refuses for their form. It
has no events, keys, projects, signing secrets, audit, listeners and retry previews: those raise
``NotFakedError``.
"""

from .answers import NotFakedError
from .fake import FakeQueue, SentTask

__all__ = ["FakeQueue", "NotFakedError", "SentTask"]
