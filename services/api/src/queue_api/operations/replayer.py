"""Replays of an operation: as the route does it, with ids that follow from the operation's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_common.task import derived_task_id

from ..tasks.enqueue import enqueue
from ..tasks.manage.repetition import repeated, whole_source
from ..tasks.trace import RequestTrace

if TYPE_CHECKING:
    from queue_common.task import TaskView

    from ..app_context import AppContext

__all__ = ["Replayer"]


class Replayer:
    """Makes the tasks that repeat others."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def __call__(self, view: TaskView, seed: str) -> bool:
        """Repeat a task once for each seed; raises WrongStateError, LimitError."""
        queue = self._context.queue
        task_id = derived_task_id(view.id, f"operation {seed}")
        if task_id in await queue.reader.replays(view.id):
            return True
        source = await whole_source(queue, view)
        trace = RequestTrace(self._context.tracing.begin(None))
        task = repeated(view, source, trace.send.headers())
        await enqueue(queue, task, trace, task_id).until_stored()
        await queue.reader.note_replay(view.id, task_id)
        return True
