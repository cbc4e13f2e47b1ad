"""Running operations: any process may, one at a time works on each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
import uuid_utils

from ....cancellation import cancel_and_wait
from ....errors import LimitError, QueueUnavailableError, UnknownTaskError, WrongStateError
from ....task import State
from .model import Action, Operation, OperationState
from .store import StepResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ....task import TaskView
    from ..operations import Operations
    from ..reader import TaskReader
    from .model import Definition
    from .store import OperationStore

__all__ = ["OperationRunner"]

POLL_SECONDS: Final = 5.0
"""How often a process looks for operations that another one has left."""
BATCH_SIZE: Final = 100
CONCURRENCY: Final = 10
MAX_PASSES: Final = 5
"""A cancellation begins again while it finds tasks: some have moved on behind it."""
RETRY_SECONDS: Final = 0.5
MAX_TRIES: Final = 20
SENDING: Final = frozenset({Action.RUN, Action.REPLAY})
"""Actions that make requests."""

logger = structlog.stdlib.get_logger(__name__)


class OperationRunner:
    """Claims operations and runs them step by step, until ``close``.

    A step is a page of a search, its tasks changed one by one, each by one script, and then one
    script that writes how far it has come. A process that dies in a step loses its claim; the next
    one begins the step again: what was changed already is found changed, and not counted twice.
    """

    def __init__(
        self, store: OperationStore, reader: TaskReader, operations: Operations,
        replay: Callable[[TaskView, str], Awaitable[bool]],
        may_send: Callable[[Definition, TaskView], bool],
    ) -> None:  # fmt: skip
        """``replay`` makes the task that repeats one, with an id that follows from the seed.

        ``may_send`` says if an operation's key may have the task's requests made.
        """
        self._store = store
        self._reader = reader
        self._operations = operations
        self._replay = replay
        self._may_send = may_send
        self._owner = str(uuid_utils.uuid7())
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run operations in the background."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look for an operation now: one was created."""
        self._work.set()

    async def close(self) -> None:
        """Stop; what goes on is released for another process."""
        if self._task is not None:
            await cancel_and_wait([self._task])

    async def _run(self) -> None:
        while True:
            self._work.clear()
            try:
                while (operation := await self._store.claim(self._owner)) is not None:
                    await self._run_claimed(operation)
            except QueueUnavailableError as error:
                logger.warning("operations.waiting", reason=str(error))
            except Exception:
                logger.exception("operations.failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._work.wait()

    async def _run_claimed(self, operation: Operation) -> None:
        run = _Run(operation, self._reader, self._act)
        state: OperationState | None = operation.state
        try:
            while state is OperationState.RUNNING:
                progress = await run.step()
                ends_in = OperationState.DONE if run.ended else None
                state = await self._store.commit(
                    operation, self._owner, run.cursor, progress, ends_in=ends_in
                )
            if state is OperationState.STOPPING:
                await self._end(operation, run, OperationState.STOPPED)
        except asyncio.CancelledError:
            with suppress(QueueUnavailableError):
                await self._store.commit(
                    operation, self._owner, run.committed, StepResult(), released=True
                )
            raise
        except QueueUnavailableError:
            raise
        except Exception as error:
            logger.exception("operation.failed", operation=operation.id)
            await self._end(operation, run, OperationState.FAILED, type(error).__name__)

    async def _end(
        self, operation: Operation, run: _Run, state: OperationState, error: str = ""
    ) -> None:
        await self._store.commit(
            operation, self._owner, run.committed, StepResult(), ends_in=state, error=error
        )

    async def _act(self, operation: Operation, view: TaskView) -> bool:
        """Change a task; return whether it is to be counted with the step."""
        action = operation.definition.action
        if action in SENDING and not self._may_send(operation.definition, view):
            msg = f"task {view.id}: the operation's key may not send to its hosts"
            raise WrongStateError(msg)
        match action:
            case Action.CANCEL:
                payload = view.task.compact().encode() if view.task else b""
                await self._operations.cancel(view.id, payload=payload, operation=operation.id)
            case Action.RUN:
                await self._operations.run(view.id, operation=operation.id)
            case Action.DELETE:
                await self._operations.delete_dead(view.id, operation=operation.id)
            case Action.REPLAY:
                return await self._replay(view, operation.id)
        return False


class _Run:
    """One operation under way in this process.

    Its cursor is ``pass number:tasks matched in this pass:where the search goes on``.
    """

    def __init__(
        self, operation: Operation, reader: TaskReader,
        act: Callable[[Operation, TaskView], Awaitable[bool]],
    ) -> None:  # fmt: skip
        self._operation = operation
        self._reader = reader
        self._act = act
        self._limit = asyncio.Semaphore(CONCURRENCY)
        self.cursor = self.committed = operation.cursor
        self.ended = False

    async def step(self) -> StepResult:
        """Change the tasks of one page, no faster than the operation may."""
        self.committed = self.cursor
        rate = self._operation.definition.rate
        loop = asyncio.get_running_loop()
        begin = loop.time()
        number, matched, at = _read(self.cursor)
        views, scanned, goes_on = await self._page(at, min(BATCH_SIZE, rate or BATCH_SIZE))
        progress = StepResult(scanned=scanned, matched=len(views))
        if not self._operation.definition.dry_run:
            await asyncio.gather(*(self._change(view, progress) for view in views))
        matched += len(views)
        if goes_on is None and self._goes_round(number, matched):
            number, matched, goes_on = number + 1, 0, ""
        self.ended = goes_on is None
        self.cursor = f"{number}:{matched}:{goes_on or ''}"
        if rate is not None and not self.ended:
            await asyncio.sleep(max(len(views) / rate - (loop.time() - begin), 0))
        return progress

    def _goes_round(self, number: int, matched: int) -> bool:
        definition = self._operation.definition
        if definition.ids or definition.action is not Action.CANCEL:
            return False
        moves = len(definition.wanted.states) > 1
        return moves and matched > 0 and number < MAX_PASSES and not definition.dry_run

    async def _page(self, at: str, limit: int) -> tuple[list[TaskView], int, str | None]:
        definition = self._operation.definition
        if not definition.ids:
            page = await self._reader.search.page(definition.wanted, at or None, limit)
            return [v for v in page.tasks if self._is_new(v)], page.scanned, page.cursor
        begin = int(at or 0)
        ids = definition.ids[begin : begin + limit]
        found, _ = await self._reader.search.views(ids)
        views = [view for view in found if view is not None and definition.wanted.accepts(view)]
        end = begin + len(ids)
        goes_on = str(end) if end < len(definition.ids) else None
        return [view for view in views if self._is_new(view)], len(ids), goes_on

    def _is_new(self, view: TaskView) -> bool:
        """Say whether there is something to do: a cancellation is asked for once."""
        is_cancel = self._operation.definition.action is Action.CANCEL
        return not (is_cancel and view.state is State.ACTIVE and view.cancel_requested)

    async def _change(self, view: TaskView, progress: StepResult) -> None:
        async with self._limit:
            for _ in range(MAX_TRIES):
                try:
                    # Others add to it meanwhile: it is read after the wait.
                    done = await self._act(self._operation, view)
                    progress.done += done
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
