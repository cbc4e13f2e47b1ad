"""The queue's Lua scripts, loaded by name and run by digest."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from ..hooks import QueueHooks
from .connection import reply
from .keys import Key, Keys
from .server_connection import leave_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.asyncio import Redis

__all__ = ["Argument", "Scripts", "digest", "lua_files", "script_names", "source"]

Argument = str | bytes | int

_SHARED = (
    "prelude", "idempotency", "dead_groups", "retention", "projects", "pace", "lanes", "suspects",
)  # fmt: skip
_PARTS = {
    "claim": ("claim_suspects", "claim_promotion", "claim_polling", "claim_projects"),
    "group_dead": ("positions",),
    "list": ("positions",),
    "list_dead": ("positions",),
    "list_results": ("positions",),
    "enqueue": ("enqueue_limits",),
    "find_lanes": ("positions", "recent"),
    "measure_lanes": ("waiting_since",),
    "project_now": ("project_use", "waiting_since"),
    "read_lanes": ("waiting_since", "recent"),
    "read_projects": ("project_use",),
    "record_lanes": ("recent",),
    "listen": ("listened",),
    "claim_listened": ("listened",),
    "end_lease": ("listened",),
    "pause": ("listened",),
    "reap": ("listened",),
    "commit_operation": ("end_operation",),
    "stop_operation": ("end_operation",),
}
"""Files that are put in front of every script, and of single ones."""
_ALWAYS_USED = frozenset({"claim_promotion", "claim_polling"})
_MODULES = frozenset(
    {
        "dead_groups",
        "idempotency",
        "listened",
        "projects",
        "pace",
        "recent",
        "retention",
        *_PARTS["claim"],
        *_PARTS["enqueue"],
    }
)
"""Files whose locals are their own: they return what others use of them, under their file's name.
Lua allows a function 200 locals. A call that uses nothing of a module does not make it."""


@cache
def lua_files() -> dict[str, str]:
    """Return the text of each file under ``lua/`` by its name, which is unique."""
    folders = (resources.files(__package__) / "lua").iterdir()
    files = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    return {file.name.removesuffix(".lua"): file.read_text() for file in files}


def _text(part: str) -> str:
    text = lua_files()[part]
    if part not in _MODULES:
        return text
    if part in _ALWAYS_USED:
        return f"local {part} = (function()\n{text}\nend)()"
    return f"local {part} = lazy(function()\n{text}\nend)"


@cache
def source(name: str) -> str:
    """Return a script with the files in front of it."""
    parts = map(_text, (*_SHARED, *_PARTS.get(name, ())))
    # The script's own locals are in a function too.
    return "\n".join((*parts, f"return (function()\n{lua_files()[name]}\nend)()"))


def script_names() -> list[str]:
    """Return the names of all scripts, without the files that are only parts of others."""
    parts = {*_SHARED, *(part for parts in _PARTS.values() for part in parts)}
    return sorted(lua_files().keys() - parts)


@cache
def digest(name: str) -> str:
    """Return the SHA-1 by which EVALSHA calls a script."""
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Runs the scripts of one queue on one client."""

    def __init__(self, client: Redis, queue_name: str, hooks: QueueHooks | None = None) -> None:
        self._client = self.client = client
        self._hooks = hooks or QueueHooks()
        self._keys = Keys(queue_name)
        self.script_loads = 0
        """Counts how often a server did not know a script. Calls after that one then ran first."""

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Report the duration of the block, a round trip, to the hooks."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._hooks.round_trip(operation, time.perf_counter() - begin)

    async def run(self, name: str, *arguments: Argument) -> Any:  # noqa: ANN401 - by script
        """Run a script in one round trip and return its result."""
        (result,) = await self.run_all([(name, arguments)])
        return result

    async def run_all(self, calls: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        """Run scripts one after the other in one round trip.

        If a server does not know a script (it restarted, failed over or was flushed), the script
        is loaded, and only the calls refused for that reason run again. Raises the first other
        error of Redis.
        """
        with self.timed(calls[0][0]):
            results = await self._send(calls)
        unknown = [i for i, result in enumerate(results) if isinstance(result, NoScriptError)]
        if unknown:
            self.script_loads += 1
            for name in {calls[i][0] for i in unknown}:
                await reply(self._client.script_load(source(name)))
            for i, result in zip(
                unknown, await self._send([calls[i] for i in unknown]), strict=True
            ):
                results[i] = result
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    async def run_replicated(
        self, name: str, *arguments: Argument, replicas: int, timeout_ms: int
    ) -> tuple[Any, int]:
        """Run a script; return its result and how many replicas have all that it read or wrote.

        WAIT only covers the writes of its own connection. So the barrier is a write on this
        connection, after the writes of others that the script may have read.
        """
        for last in (False, True):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.evalsha(digest(name), 1, self._keys.hash_tag, *arguments)
            pipeline.hincrby(self._keys.of(Key.COUNTERS), "barrier", 1)
            pipeline.wait(replicas, timeout_ms)
            with self.timed(name):
                result, barrier, acknowledged = await pipeline.execute(raise_on_error=False)
            if last or not isinstance(result, NoScriptError):
                break
            await reply(self._client.script_load(source(name)))
        for found in (result, barrier, acknowledged):
            if isinstance(found, Exception):
                raise found
        if acknowledged < replicas:
            # The replicas may follow another primary by now.
            await leave_server(self._client)
        return result, int(acknowledged)

    async def _send(self, calls: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        if len(calls) == 1:
            name, arguments = calls[0]
            try:
                evalsha = self._client.evalsha(digest(name), 1, self._keys.hash_tag, *arguments)
                return [await reply(evalsha)]
            except NoScriptError as error:
                return [error]
        pipeline = self._client.pipeline(transaction=False)
        for name, arguments in calls:
            pipeline.evalsha(digest(name), 1, self._keys.hash_tag, *arguments)
        return await pipeline.execute(raise_on_error=False)
