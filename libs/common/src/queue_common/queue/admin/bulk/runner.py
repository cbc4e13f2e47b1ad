"""Running operations: step by step, several at once, each step in any process."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
import uuid_utils

from ....cancellation import cancel_and_wait
from ....errors import QueueUnavailableError, WrongStateError
from ....task import State
from .model import Action, Operation, OperationState
from .step import OperationStep, Result
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
"""How often a process looks for operations that others have begun or left."""
MAX_STEPS: Final = 8
"""Max steps under way at once in a process."""
MAX_STEPS_OF_PROJECT: Final = 4
"""Max of them that are of one project: others need not wait for it."""
RENEW_SECONDS: Final = 1.0
"""How often the claim is renewed while a step goes on; a stop is noticed as soon."""
HALT_SECONDS: Final = 1.0
"""How long a step that is to stop may go on with the tasks that it has begun with."""
SENDING: Final = frozenset({Action.RUN, Action.REPLAY})
"""Actions that make requests."""

logger = structlog.stdlib.get_logger(__name__)


class OperationRunner:
    """Claims operations and runs a step of each, until ``close``.

    A step is a page of a search, its tasks changed one by one, each by one script, and then one
    script that writes how far the operation has come and gives up the claim. The operation that has
    waited longest is claimed next: none holds up another, and one with a rate takes no place in its
    pauses. The claim is renewed while a step goes on. A process that dies in a step loses it, and
    the next one begins the step again: what was changed already is found changed, and not counted
    twice.
    """

    def __init__(
        self, store: OperationStore, reader: TaskReader, operations: Operations,
        replay: Callable[[TaskView, Operation], Awaitable[None]],
        may_send: Callable[[Definition, TaskView], bool],
    ) -> None:  # fmt: skip
        """``replay`` makes the task that repeats one, with an id that follows from the operation's.

        ``may_send`` says if an operation's key may have the task's requests made.
        """
        self._store = store
        self._reader = reader
        self._operations = operations
        self._replay = replay
        self._may_send = may_send
        self._work = asyncio.Event()
        self._steps: dict[asyncio.Task[None], str] = {}
        """The steps under way, with their projects."""
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
        await cancel_and_wait(self._steps)

    async def _run(self) -> None:
        while True:
            self._work.clear()
            seconds = POLL_SECONDS
            try:
                seconds = min(await self._begin_steps(), POLL_SECONDS)
            except QueueUnavailableError as error:
                logger.warning("operations.waiting", reason=str(error))
            except Exception:
                logger.exception("operations.failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._work.wait()

    async def _begin_steps(self) -> float:
        """Begin the steps that are due and have room; return the seconds until the next is due."""
        while len(self._steps) < MAX_STEPS:
            steps_of = Counter(self._steps.values())
            busy = [project for project, n in steps_of.items() if n >= MAX_STEPS_OF_PROJECT]
            owner = str(uuid_utils.uuid7())
            operation = await self._store.claim(owner, busy)
            if isinstance(operation, float):
                return operation
            step = asyncio.create_task(self._step(operation, owner))
            self._steps[step] = operation.project
            step.add_done_callback(self._step_ended)
        return POLL_SECONDS

    def _step_ended(self, step: asyncio.Task[None]) -> None:
        del self._steps[step]
        self._work.set()

    async def _step(self, operation: Operation, owner: str) -> None:
        step = OperationStep(operation, self._reader, self._act)
        try:
            if operation.state is OperationState.RUNNING:
                await self._run_claimed(step, operation, owner)
            await self._store.commit(
                operation, owner, step.cursor, step.progress, pause=step.pause,
                ends_in=OperationState.DONE if step.ended else None,
            )  # fmt: skip
        except asyncio.CancelledError:
            with suppress(QueueUnavailableError):
                await self._store.commit(operation, owner, operation.cursor, StepResult())
            raise
        except QueueUnavailableError as error:
            # Its claim ends, and a process begins the step again.
            logger.warning("operations.waiting", reason=str(error))
        except Exception as error:
            logger.exception("operation.failed", operation=operation.id)
            await self._fail(operation, owner, type(error).__name__)

    async def _run_claimed(self, step: OperationStep, operation: Operation, owner: str) -> None:
        """Run a step and renew its claim; it ends early if the operation is to stop."""
        running = asyncio.create_task(step.run())
        try:
            while not await _has_ended(running, RENEW_SECONDS):
                state = await self._store.renew(operation, owner)
                if state is not OperationState.RUNNING:
                    step.halt()
                    await _has_ended(running, HALT_SECONDS)
                    break
        finally:
            step.halt()  # its tasks outlive the first error of one
            await cancel_and_wait([running])
        if not running.cancelled():
            running.result()

    async def _fail(self, operation: Operation, owner: str, error: str) -> None:
        with suppress(QueueUnavailableError):
            await self._store.commit(
                operation, owner, operation.cursor, StepResult(),
                ends_in=OperationState.FAILED, error=error,
            )  # fmt: skip

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
                await self._replay(view, operation)
                return Result.DONE


async def _has_ended(task: asyncio.Task[None], seconds: float) -> bool:
    """Wait for a task, not longer than this; return whether it has ended."""
    await asyncio.wait([task], timeout=seconds)
    return task.done()
