"""One step of an operation: the tasks of a page, each changed by one script."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Final

import structlog

from ....errors import LimitError, QueueUnavailableError, UnknownTaskError, WrongStateError
from ....task import State
from .model import Action
from .store import StepResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ....task import TaskView
    from ..reader import TaskReader
    from .model import Operation

__all__ = ["OperationStep", "Result"]

BATCH_SIZE: Final = 100
CONCURRENCY: Final = 10
MAX_PASSES: Final = 5
"""A cancellation begins again while it finds tasks: some have moved on behind it."""
RETRY_SECONDS: Final = 0.5
MAX_TRIES: Final = 20

logger = structlog.stdlib.get_logger(__name__)


class Result(Enum):
    """What came of one task."""

    DONE = "done"
    COUNTED = "counted"
    """Done, and counted by the script that did it."""
    NOTHING = "nothing"
    """There was nothing to do."""


class OperationStep:
    """One step of an operation.

    The cursor is ``pass number:tasks matched in this pass:where the search goes on``.
    """

    def __init__(
        self, operation: Operation, reader: TaskReader,
        act: Callable[[Operation, TaskView], Awaitable[Result]],
    ) -> None:  # fmt: skip
        self._operation = operation
        self._reader = reader
        self._act = act
        self._limit = asyncio.Semaphore(CONCURRENCY)
        self.cursor = operation.cursor
        """Where the next step goes on."""
        self.progress = StepResult()
        self.pause = 0.0
        """Seconds until the next step, for the operation's rate."""
        self.ended = False
        """Whether this was the last step."""

    async def run(self) -> None:
        """Change the tasks of one page."""
        rate = self._operation.definition.rate
        loop = asyncio.get_running_loop()
        begin = loop.time()
        number, matched, at = _read(self.cursor)
        views, scanned, goes_on = await self._page(at, min(BATCH_SIZE, rate or BATCH_SIZE))
        self.progress = StepResult(scanned=scanned, matched=len(views))
        if not self._operation.definition.dry_run:
            await asyncio.gather(*(self._change(view, self.progress) for view in views))
        matched += len(views)
        if goes_on is None and self._goes_round(number, matched):
            number, matched, goes_on = number + 1, 0, ""
        self.ended = goes_on is None
        self.cursor = f"{number}:{matched}:{goes_on or ''}"
        if rate is not None:
            self.pause = max(len(views) / rate - (loop.time() - begin), 0)

    def _goes_round(self, number: int, matched: int) -> bool:
        definition = self._operation.definition
        if definition.ids is not None or definition.action is not Action.CANCEL:
            return False
        moves = len(definition.wanted.states) > 1
        return moves and matched > 0 and number < MAX_PASSES and not definition.dry_run

    async def _page(self, at: str, limit: int) -> tuple[list[TaskView], int, str | None]:
        definition = self._operation.definition
        if definition.ids is None:
            page = await self._reader.search.page(
                definition.wanted, at or None, limit, repeats=True
            )
            return [v for v in page.tasks if self._is_new(v)], page.scanned, page.cursor
        begin = int(at or 0)
        ids = definition.ids[begin : begin + limit]
        found, _ = await self._reader.search.views(ids)
        views = [view for view in found if view is not None and definition.wanted.accepts(view)]
        end = begin + len(ids)
        goes_on = str(end) if end < len(definition.ids) else None
        return [view for view in views if self._is_new(view)], len(ids), goes_on

    def _is_new(self, view: TaskView) -> bool:
        """Say whether the operation has not changed the task before.

        A cancellation is asked for once. A task that was run comes back if it fails: what was
        tried since the operation began is not run again, or it would never end.
        """
        match self._operation.definition.action:
            case Action.CANCEL:
                return not (view.state is State.ACTIVE and view.cancel_requested)
            case Action.RUN:
                last, began_at_ms = view.last_attempt, self._operation.created_at_ms
                return (last is None or last.started_at_ms <= began_at_ms) and (
                    view.finished_at_ms is None or view.finished_at_ms <= began_at_ms
                )
            case Action.REPLAY | Action.DELETE:
                return True

    async def _change(self, view: TaskView, progress: StepResult) -> None:
        async with self._limit:
            for _ in range(MAX_TRIES):
                try:
                    # Others add to it meanwhile: it is read after the wait.
                    result = await self._act(self._operation, view)
                    progress.done += result is Result.DONE
                    progress.skipped += result is Result.NOTHING
                except (UnknownTaskError, WrongStateError):
                    progress.skipped += 1
                except LimitError:
                    # The project or the queue is full; workers make room.
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                except QueueUnavailableError:
                    raise
                except Exception:
                    logger.exception("operation.task_failed", task_id=view.id)
                    progress.failed += 1
                return
            progress.failed += 1


def _read(cursor: str) -> tuple[int, int, str]:
    number, _, rest = cursor.partition(":")
    matched, _, at = rest.partition(":")
    return int(number or 1), int(matched or 0), at
