"""The audit: each management action is a log line and an entry of a bounded stream."""

from .trail import AuditTrail

__all__ = ["AuditTrail"]
