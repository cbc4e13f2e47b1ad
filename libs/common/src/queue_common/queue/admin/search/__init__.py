"""Searching tasks: which, page by page, while they move."""

from .filter import TaskFilter
from .pagination import Pagination, Scope
from .search import TaskPage, TaskSearch

__all__ = ["Pagination", "Scope", "TaskFilter", "TaskPage", "TaskSearch"]
