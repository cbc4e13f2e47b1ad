"""Running operations: any process may, one at a time works on each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
import uuid_utils

from ....cancellation import cancel_and_wait
from ....errors import QueueUnavailableError, WrongStateError
from ....task import State
from .model import Action, Operation, OperationState
from .run import OperationRun, Result
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
        replay: Callable[[TaskView, str], Awaitable[None]],
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
        run = OperationRun(operation, self._reader, self._act)
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
        self, operation: Operation, run: OperationRun, state: OperationState, error: str = ""
    ) -> None:
        await self._store.commit(
            operation, self._owner, run.committed, StepResult(), ends_in=state, error=error
        )

    async def _act(self, operation: Operation, view: TaskView) -> Result:
        """Change a task."""
        action = operation.definition.action
        if action in SENDING and not self._may_send(operation.definition, view):
            msg = f"task {view.id}: the operation's key may not send to its hosts"
            raise WrongStateError(msg)
        match action:
            case Action.CANCEL:
                payload = view.task.compact().encode() if view.task else b""
                found = await self._operations.cancel(
                    view.id, payload=payload, operation=operation.id
                )
                return Result.NOTHING if found is State.CANCELLED else Result.COUNTED
            case Action.RUN:
                found = await self._operations.run(view.id, operation=operation.id)
                moved = found in {State.SCHEDULED, State.DEAD}
                return Result.COUNTED if moved else Result.NOTHING
            case Action.DELETE:
                await self._operations.delete_dead(view.id, operation=operation.id)
                return Result.COUNTED
            case Action.REPLAY:
                await self._replay(view, operation.id)
                return Result.DONE
