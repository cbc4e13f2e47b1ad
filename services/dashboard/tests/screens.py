"""Every screen, and how to find it."""

from __future__ import annotations

from collections.abc import Callable

from .dashboards import Site

__all__ = ["SCREENS", "TITLES"]

SCREENS: dict[str, Callable[[Site], str]] = {
    "overview": lambda _: "/",
    "tasks": lambda _: "/tasks",
    "task": lambda site: f"/tasks/{site.tasks['dead']}",
    "replay": lambda site: f"/tasks/{site.tasks['dead']}/replay",
    "dead-letters": lambda _: "/dead-letters",
    "lanes": lambda _: "/lanes",
    "lane": lambda _: "/lane?name=hanging",
    "live": lambda _: "/live",
    "send": lambda _: "/send",
    "operations": lambda _: "/operations",
    "new-operation": lambda _: "/operations/new?state=dead",
    "retry-preview": lambda _: "/retry-preview",
    "start": lambda _: "/start?url=https%3A%2F%2Fhooks.example.com%2Forders",
    "keys": lambda _: "/keys",
    "projects": lambda _: "/projects",
    "project": lambda _: "/projects/default",
    "audit": lambda _: "/audit",
}

TITLES = {
    "overview": "Overview", "tasks": "Tasks", "task": "POST", "replay": "Replay",
    "dead-letters": "Dead letters", "lanes": "Lanes", "lane": "hanging", "live": "Live tail",
    "send": "Send a task", "operations": "Operations", "new-operation": "Act on all that match",
    "retry-preview": "Retry preview", "start": "Send your first task", "keys": "API keys",
    "projects": "Projects", "project": "default", "audit": "Audit",
}  # fmt: skip
"""How each screen's heading begins."""
