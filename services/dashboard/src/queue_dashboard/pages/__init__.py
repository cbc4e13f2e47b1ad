"""The pages, a router each."""

from . import dead_letters, find, lanes, operations, overview, retry_preview, send, start, tasks
from .admin import audit, keys, projects
from .task import acts, show

__all__ = ["ROUTERS"]

ROUTERS = [
    overview.router, tasks.router, show.router, acts.router, find.router, dead_letters.router,
    operations.router, lanes.router, send.router, retry_preview.router, start.router, keys.router,
    projects.router, audit.router,
]  # fmt: skip
