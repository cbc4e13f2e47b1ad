"""The destinations that may be delivered to: one policy for the API and the worker."""

from .policy import EgressGuard
from .settings import EgressSettings

__all__ = ["EgressGuard", "EgressSettings"]
