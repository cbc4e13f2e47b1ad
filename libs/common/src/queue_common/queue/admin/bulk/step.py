"""One step of an operation: the tasks of a page, each changed by one script."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ....errors import LimitError, QueueUnavailableError, UnknownTaskError, WrongStateError
from ....task import State
from .model import Action
from .store import StepResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ....task import TaskView
    from ..reader import TaskReader
    from .model import Operation

__all__ = ["OperationStep", "Result"]

BATCH_SIZE: Final = 100
CONCURRENCY: Final = 10
MAX_PASSES: Final = 5
"""A cancellation begins again while it finds tasks: some have moved on behind it."""
MAX_REFUSALS: Final = 10
"""Tasks that a limit refuses before the step ends: it would refuse most of the others too."""
RETRY_SECONDS: Final = 0.5
"""How long a step waits after one that a limit has ended: workers make room."""
MAX_TRIES: Final = 20
"""Steps in a row in which a limit lets no task through; then those that are left have failed."""

logger = structlog.stdlib.get_logger(__name__)


class Result(Enum):
    """What came of one task."""

    DONE = "done"
    COUNTED = "counted"
    """Done, and counted by the script that did it."""
    NOTHING = "nothing"
    """There was nothing to do."""


class Cursor(msgspec.Struct, frozen=True):
    """Where an operation goes on."""

    number: int = 1
    """Number of the pass."""
    matched: int = 0
    """Tasks matched in this pass."""
    left: tuple[str, ...] = ()
    """Tasks of the last page that have not had their turn."""
    at: str | None = ""
    """Where the search goes on after them; None: nowhere."""
    tries: int = 0
    """Steps in a row in which a limit let no task through."""


class OperationStep:
    """One step of an operation.

    A limit, or ``halt``, ends it early: the tasks that had no turn are left for the next step.
    """

    def __init__(
        self, operation: Operation, reader: TaskReader,
        act: Callable[[Operation, TaskView], Awaitable[Result]],
    ) -> None:  # fmt: skip
        self._operation = operation
        self._reader = reader
        self._act = act
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._halted = False
        self._left: list[str] = []
        self._refused: list[str] = []
        """Tasks that a limit refused; they come after the others that are left."""
        self.cursor = operation.cursor
        """Where the next step goes on."""
        self.progress = StepResult()
        self.pause = 0.0
        """Seconds until the next step."""
        self.ended = False
        """Whether this was the last step."""

    def halt(self) -> None:
        """Begin with no further task."""
        self._halted = True

    async def run(self) -> None:
        """Change the tasks of one page, or those that are left of the last one."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        cursor = msgspec.json.decode(self.cursor, type=Cursor) if self.cursor else Cursor()
        views, at = await self._next_tasks(cursor)
        if self._operation.definition.dry_run:
            self.progress.matched = len(views)
        else:
            await asyncio.gather(*(self._change(view) for view in views))
        cursor = self._after(cursor, at)
        self.ended = cursor.at is None and not cursor.left
        self.cursor = msgspec.json.encode(cursor).decode()
        rate = self._operation.definition.rate
        if rate is not None:
            self.pause = self.progress.matched / rate - (loop.time() - begin)
        self.pause = max(self.pause, RETRY_SECONDS if cursor.left and self._refused else 0)

    def _after(self, cursor: Cursor, at: str | None) -> Cursor:
        """Return where to go on after a step."""
        left = (*self._left, *self._refused)
        tries = cursor.tries + 1 if self._refused and not self.progress.matched else 0
        if tries >= MAX_TRIES:
            self.progress.matched += len(left)
            self.progress.failed += len(left)
            left, tries = (), 0
        number, matched = cursor.number, cursor.matched + self.progress.matched
        if at is None and not left and self._goes_round(number, matched):
            return Cursor(number + 1)
        return Cursor(number, matched, left, at, tries)

    def _goes_round(self, number: int, matched: int) -> bool:
        definition = self._operation.definition
        if definition.ids is not None or definition.action is not Action.CANCEL:
            return False
        moves = len(definition.wanted.states) > 1
        return moves and matched > 0 and number < MAX_PASSES and not definition.dry_run

    async def _next_tasks(self, cursor: Cursor) -> tuple[list[TaskView], str | None]:
        """Return the tasks whose turn it is, and where the search goes on after them."""
        definition = self._operation.definition
        limit = min(BATCH_SIZE, definition.rate or BATCH_SIZE)
        if cursor.left:
            views = await self._views(cursor.left[:limit])
            self._left.extend(cursor.left[limit:])
            return views, cursor.at
        if definition.ids is None:
            page = await self._reader.search.page(
                definition.wanted, cursor.at or None, limit, repeats=True
            )
            self.progress.scanned = page.scanned
            return [view for view in page.tasks if self._is_new(view)], page.cursor
        begin = int(cursor.at or 0)
        ids = definition.ids[begin : begin + limit]
        self.progress.scanned = len(ids)
        end = begin + len(ids)
        return await self._views(ids), str(end) if end < len(definition.ids) else None

    async def _views(self, ids: Sequence[str]) -> list[TaskView]:
        found, _ = await self._reader.search.views(ids)
        accepts = self._operation.definition.wanted.accepts
        return [v for v in found if v is not None and accepts(v) and self._is_new(v)]

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

    async def _change(self, view: TaskView) -> None:
        async with self._slots:
            if self._halted:
                self._left.append(view.id)
                return
            try:
                result = await self._act(self._operation, view)
            except LimitError as error:
                if error.fits:
                    self._refuse(view.id)
                    return
                self.progress.failed += 1
            except (UnknownTaskError, WrongStateError):
                self.progress.skipped += 1
            except QueueUnavailableError:
                raise
            except Exception:
                logger.exception("operation.task_failed", task_id=view.id)
                self.progress.failed += 1
            else:
                self.progress.done += result is Result.DONE
                self.progress.skipped += result is Result.NOTHING
            self.progress.matched += 1

    def _refuse(self, task_id: str) -> None:
        self._refused.append(task_id)
        if len(self._refused) >= MAX_REFUSALS:
            self.halt()
