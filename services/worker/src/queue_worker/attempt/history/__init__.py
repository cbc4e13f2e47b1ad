"""What a task's record keeps of its attempts beside their outcome."""

from .history import History, worker_name
from .phases import Phases

__all__ = ["History", "Phases", "worker_name"]
