"""Failures as problem documents (RFC 9457)."""

from .translation import (
    MEDIA_TYPE,
    RETRY_AFTER_SECONDS,
    FieldError,
    Problem,
    ProblemError,
    document_of,
    install,
    problem,
    translate,
)

__all__ = [
    "MEDIA_TYPE",
    "RETRY_AFTER_SECONDS",
    "FieldError",
    "Problem",
    "ProblemError",
    "document_of",
    "install",
    "problem",
    "translate",
]
