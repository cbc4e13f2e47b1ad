"""Details of attempts that a task's record keeps."""

from .history import History, worker_name
from .phases import Phases

__all__ = ["History", "Phases", "worker_name"]
