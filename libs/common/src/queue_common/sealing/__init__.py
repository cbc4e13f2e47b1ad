"""Encryption at rest: what of a task Redis cannot read."""

from .keys import check_keys, parse_keys
from .sealer import Sealer
from .tasks import open_task, seal_task

__all__ = ["Sealer", "check_keys", "open_task", "parse_keys", "seal_task"]
