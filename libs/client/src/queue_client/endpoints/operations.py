"""Operations on many tasks, and dead letters."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..call import Pages, delete, get, post
from ..models import DeadLetterGroupPage, Filter, Operation, OperationPage

__all__ = ["OperationEndpoints"]

OPERATIONS = "/api/v1/operations"
OPERATION = OPERATIONS + "/{operation_id}"


class OperationEndpoints:
    """What can be done with all tasks of a filter."""

    @post(OPERATIONS)
    def start_operation(
        self, *, action: str, filter: Filter, rate: int | UnsetType = UNSET,
        dry_run: bool | UnsetType = UNSET, idempotency_key: str | None = None,
    ) -> Operation:  # fmt: skip
        """Start cancel, run, replay or delete on all tasks of a filter, ``rate`` a second."""

    @get(OPERATIONS)
    def list_operations(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> OperationPage:
        """Return a page of operations, the newest first."""

    iter_operations = Pages(list_operations)

    @get(OPERATION)
    def get_operation(self, operation_id: str) -> Operation:
        """Return an operation and how far it is."""

    @delete(OPERATION)
    def stop_operation(self, operation_id: str) -> Operation:
        """Stop an operation; what it has done stays done."""

    @get("/api/v1/dead-letters/groups")
    def list_dead_letter_groups(
        self, *, lane: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> DeadLetterGroupPage:
        """Return a page of dead letters grouped by lane and outcome."""

    iter_dead_letter_groups = Pages(list_dead_letter_groups)

    @delete("/api/v1/dead-letters/{task_id}")
    def delete_dead_letter(self, task_id: str) -> None:
        """Delete a dead letter for good."""
