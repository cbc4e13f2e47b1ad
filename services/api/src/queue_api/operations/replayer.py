"""What the runner of operations needs of the API: replays, and the rule for a key's hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Link

from queue_common.logs import events
from queue_common.task import derived_task_id
from queue_common.tracing.context import read_context
from queue_common.tracing.spans import sdk_context

from ..auth.hosts import HostList, hosts_of
from ..tasks.enqueue import enqueue
from ..tasks.manage.repetition import repeated, whole_source
from ..tasks.trace import SendTraces

if TYPE_CHECKING:
    from queue_common.queue import Definition, Operation
    from queue_common.task import TaskView

    from ..app_context import AppContext

__all__ = ["Replayer", "may_send"]


def may_send(definition: Definition, view: TaskView) -> bool:
    """Return whether the operation's key may have a task's requests made."""
    if definition.allowed_hosts is None:
        return True
    hosts = HostList(definition.allowed_hosts)
    return view.task is not None and all(map(hosts.allows, hosts_of(view.task)))


class Replayer:
    """Makes the tasks that repeat others, with ids that follow from the operation's."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def __call__(self, view: TaskView, operation: Operation) -> None:
        """Repeat a task once for each operation; raises WrongStateError, LimitError."""
        queue = self._context.queue
        task_id = derived_task_id(view.id, f"operation {operation.id}")
        if task_id in await queue.reader.replays(view.id):
            return
        source = await whole_source(queue, view)
        trace = SendTraces(
            self._context.tracing, links=_links(operation),
            attributes={events.OPERATION_ID: operation.id},
        ).begin()  # fmt: skip
        task = repeated(view, source, trace.send.headers(), source)
        await enqueue(queue, task, trace, task_id).until_stored()
        await queue.reader.note_replay(view.id, task_id)


def _links(operation: Operation) -> list[Link]:
    """Return the link to the request that began the operation."""
    request = read_context({"traceparent": operation.definition.traceparent or ""})
    return [] if request is None else [Link(sdk_context(request, is_remote=True))]
