"""Operations on many tasks: they run in the background, and survive the processes that run them."""

from .model import Action, Definition, Operation, OperationState
from .runner import OperationRunner
from .store import OperationStore

__all__ = [
    "Action", "Definition", "Operation", "OperationRunner", "OperationState", "OperationStore",
]  # fmt: skip
