"""Exit codes, and what to do about each error."""

from __future__ import annotations

from queue_client.errors import (
    ApiError,
    AuthenticationError,
    BatchInterruptedError,
    InvalidTaskError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    QueueClientError,
    UnavailableError,
    UnreachableError,
    WaitTimeoutError,
)

__all__ = ["FAILED", "NOT_FOUND", "UNAVAILABLE", "USAGE", "CommandError", "describe"]

FAILED, USAGE, NOT_FOUND, UNAVAILABLE = 1, 2, 3, 4

KINDS: list[tuple[type[Exception], int, str]] = [
    (AuthenticationError, FAILED, "set QUEUE_TOKEN, or `queue profiles set NAME --token`"),
    (PermissionDeniedError, FAILED, "use a key with this right: `queue keys create` makes one"),
    (InvalidTaskError, USAGE, ""),
    (NotFoundError, NOT_FOUND, ""),
    (LimitExceededError, UNAVAILABLE, "wait, or raise the limit: `queue projects set`"),
    (UnavailableError, UNAVAILABLE, "`queue doctor` looks for the reason"),
    (UnreachableError, UNAVAILABLE, "is it the right --url? `queue dev` starts one here"),
    (WaitTimeoutError, FAILED, "it goes on: `queue tasks get` tells how"),
    (ApiError, FAILED, ""),
    (QueueClientError, FAILED, "is this the address of the API? see --url"),
]

LISTS = {
    "unknown-task": "ended tasks are kept for a while: see `queue tasks list`",
    "unknown-key": "see `queue keys list`",
    "unknown-project": "see `queue projects list`",
    "unknown-signing-secret": "see `queue projects secrets`",
    "unknown-operation": "see `queue operations list`",
    "about:blank": "is this the address of the API? see --url",
}
"""Where to look for what was not found, by the kind of problem."""


class CommandError(Exception):
    """What a command says and ends with."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


def describe(error: Exception) -> tuple[str, int]:
    """Return a sentence that says what to do, and the exit code; raises what is a bug of ours."""
    if isinstance(error, CommandError):
        return str(error), error.code
    if isinstance(error, BatchInterruptedError) and isinstance(error.__cause__, Exception):
        sentence, code = describe(error.__cause__)
        return f"stopped after {error.settled:,} tasks: {sentence}", code
    for kind, code, advice in KINDS:
        if isinstance(error, kind):
            if isinstance(error, NotFoundError):
                advice = LISTS.get(error.kind, "")
            return f"{str(error).rstrip('.')}: {advice}" if advice else str(error), code
    if isinstance(error, UnicodeEncodeError):
        return "an argument has bytes that are not UTF-8", USAGE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", FAILED
    raise error
