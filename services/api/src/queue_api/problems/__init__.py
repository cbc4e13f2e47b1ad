"""Failures as problem documents (RFC 9457)."""

from .translation import (
    MEDIA_TYPE,
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
    "FieldError",
    "Problem",
    "ProblemError",
    "document_of",
    "install",
    "problem",
    "translate",
]
