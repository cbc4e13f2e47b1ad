"""Walks over tasks that move: where a walk has been and when, and what it may have shown before.

A search walks over places: state after state in the order in which tasks move, lane after lane,
and in a lane by due time. A task that moves on is met again at its new place. A walk cannot keep
the ids of all it has shown; its cursor keeps a few marks instead, each a place and the time at
which the walk came by. A task's record tells where it was before: together they say whether the
walk has passed a place while the task was there.

Retries go back to where the walk has been. So a walk through all states goes through those of
waiting and active tasks once more, for what came back; it gives that up if it finds too little.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ....task import State
from ...storage.record import unpack_attempts
from ..cursor import read_text, written_text
from .pagination import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ....task import TaskView

__all__ = ["STATES_IN_ORDER", "Mark", "Walk", "read_cursor", "stops_of", "write_cursor"]

STATES_IN_ORDER: Final = (
    State.SCHEDULED, State.QUEUED, State.ACTIVE, State.DEAD, State.DELIVERED, State.CANCELLED,
)  # fmt: skip
"""As tasks move. One that moves on meanwhile is ahead of the walk, which so does not miss it."""
LAP_STOPS: Final = 3
"""States that a task may come back to."""
MAX_MARKS: Final = 24
MAX_MARK_BYTES: Final = 1500
"""Of a cursor, about: lanes may have long names."""
SLACK_MS: Final = 50
"""Tasks move a little later than their records tell: an attempt is settled after its end."""
CLOCK_SKEW_MS: Final = 1000
_BEFORE_LANE, _IN_LANE = -1, 0

_Place = tuple[int, bytes, float, str]
"""Number of the stop; lane and due time, or an active task's worker and id."""


def stops_of(states: Sequence[State]) -> tuple[State, ...]:
    """Return the states through which a walk goes, some twice if it is to show all."""
    if tuple(states) != STATES_IN_ORDER:
        return tuple(states)
    return (*STATES_IN_ORDER[:LAP_STOPS], *STATES_IN_ORDER)


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """A place up to which the walk came, and when: it began behind the mark before."""

    began_ms: int
    ended_ms: int
    stop: int
    lane: str
    """The lane, or the worker of an active task."""
    at: int
    id: str = ""

    @staticmethod
    def of(stop: int, state: State, position: Position, began_ms: int, ended_ms: int) -> Mark:
        """Return the mark of a page that ended at a position."""
        if state is State.ACTIVE and position.id:
            worker = position.lane.rpartition("/")[0] + "/"
            return Mark(began_ms, ended_ms, stop, worker, _IN_LANE, position.id)
        inside = position.at if state is State.SCHEDULED else _IN_LANE
        at = inside if position.id else _BEFORE_LANE
        return Mark(began_ms, ended_ms, stop, position.lane, at)

    @property
    def place(self) -> _Place:
        """What marks are compared by."""
        return self.stop, self.lane.encode(), self.at, self.id


class Walk(msgspec.Struct, array_like=True, frozen=True):
    """What a cursor says: where the walk goes on, when it began, and where it has been."""

    state: State
    position: Position
    began_ms: int = 0
    marks: tuple[Mark, ...] = ()
    stop: int = 0
    """Number of the stop at ``state``."""

    def onward(self, stop: int, position: Position, began_ms: int, ended_ms: int,
               stops: Sequence[State]) -> Walk:  # fmt: skip
        """Return the walk after a page that was read in this time and ended at a position."""
        mark = Mark.of(stop, stops[stop], position, began_ms, ended_ms)
        marks = (*self.marks, mark)
        while len(marks) > 1 and _is_too_much(marks):
            marks = _merged(marks)
        return Walk(stops[stop], position, self.began_ms or began_ms, marks, stop)

    def may_have_shown(self, view: TaskView, stop: int, stops: Sequence[State]) -> bool:
        """Return whether a task that is met at a stop may have been before, or is new."""
        if not self.marks or view.task is None:
            return False
        if view.task.accepted_at_ms > self.began_ms + CLOCK_SKEW_MS:
            return True
        stays = [*_stays(view)]
        if stays[-1].from_ms <= self.began_ms:
            # It has not moved since: only a second lap can meet it again.
            stays = stays[-1:]
        return any(
            stay.state is state and self._has_met(stay, view, number)
            for stay in stays
            if stay.to_ms > self.began_ms
            for number, state in enumerate(stops[: stop + (stay.to_ms < math.inf)])
        )

    def _has_met(self, stay: _Stay, view: TaskView, stop: int) -> bool:
        """Return whether the walk was at a place while the task was there."""
        first, last = _places(stay, view, stop)
        begin = next((m.began_ms for m in self.marks if m.place >= first), math.inf)
        end = next((m.ended_ms for m in self.marks if m.place >= last), math.inf)
        return stay.to_ms >= begin and stay.from_ms <= end


class _Stay(NamedTuple):
    """A time that a task spent in a state; it has no end if the task is there still."""

    state: State
    from_ms: float
    to_ms: float
    due_ms: int | None = None
    worker: str | None = None


def _places(stay: _Stay, view: TaskView, stop: int) -> tuple[_Place, _Place]:
    """Return the first and the last place where the task can have been then."""
    lane = view.lane.encode()
    if stay.state is State.SCHEDULED and stay.due_ms is not None:
        return (stop, lane, stay.due_ms - SLACK_MS, ""), (stop, lane, stay.due_ms + SLACK_MS, "")
    if stay.state in {State.SCHEDULED, State.QUEUED}:
        return (stop, lane, _IN_LANE, ""), (stop, lane, math.inf, "")
    if stay.state is State.ACTIVE and stay.worker:
        place = (stop, f"{stay.worker}/".encode(), _IN_LANE, view.id)
        return place, place
    return (stop, b"", _IN_LANE, ""), (stop + 1, b"", _BEFORE_LANE, "")


def _stays(view: TaskView) -> Iterator[_Stay]:
    """Return where a task has been and, at the end, is, from its record."""
    assert view.task is not None  # noqa: S101 - may_have_shown asks for one
    options = view.task.options
    since: float = view.task.accepted_at_ms
    due_ms: float | None = since + (options.delay_ms if options else 0)
    attempts = unpack_attempts(view.packed_attempts)
    if attempts and attempts[0].number > 1:
        due_ms = None  # the attempts before it are not kept
    after_death = False
    for attempt in attempts:
        yield from _waits(since, due_ms, attempt.started_at_ms, interrupted=view.interrupted > 0)
        if after_death:
            yield _Stay(State.DEAD, since, attempt.started_at_ms)
        since = attempt.started_at_ms + attempt.duration_ms
        yield _Stay(State.ACTIVE, attempt.started_at_ms, since + SLACK_MS, worker=attempt.worker)
        due_ms, after_death = attempt.next_at_ms or since, attempt.next_at_ms is None
    yield from _last_stays(view, since, due_ms, after_death=after_death)


def _last_stays(
    view: TaskView, since: float, due_ms: float | None, *, after_death: bool
) -> Iterator[_Stay]:
    """Return where a task has been since its last attempt ended, and is."""
    if view.state is State.SCHEDULED:
        yield _Stay(State.SCHEDULED, since, math.inf, view.at_ms)
        return
    if after_death and not view.state.settled:
        yield _Stay(State.DEAD, since, view.at_ms)
    if view.state is State.QUEUED:
        if due_ms is None or due_ms > since:
            due = None if due_ms is None else round(due_ms)
            yield _Stay(State.SCHEDULED, since, view.at_ms + SLACK_MS, due)
    elif not (after_death and view.state.settled):
        yield from _waits(since, due_ms, view.at_ms, interrupted=view.interrupted > 0)
    yield _Stay(view.state, view.at_ms, math.inf)


def _waits(
    since: float, due_ms: float | None, until: float, *, interrupted: bool
) -> Iterator[_Stay]:
    """Return the states in which a task has waited for an attempt."""
    queued_since = since
    if due_ms is None:
        yield _Stay(State.SCHEDULED, since, until)
    elif due_ms > since:
        yield _Stay(State.SCHEDULED, since, min(due_ms + SLACK_MS, until), round(due_ms))
        # One that was run by hand did not wait until it was due.
        queued_since = due_ms if due_ms < until else since
    yield _Stay(State.QUEUED, queued_since, until)
    if interrupted or due_ms is None:
        yield _Stay(State.ACTIVE, queued_since, until)


def _is_too_much(marks: tuple[Mark, ...]) -> bool:
    return len(marks) > MAX_MARKS or sum(len(m.lane + m.id) + 20 for m in marks) > MAX_MARK_BYTES


def _merged(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Return half as many marks, the last one as it is: each says less of the time."""
    older = marks[:-1]
    pairs = [older[i : i + 2] for i in range(0, len(older), 2)]
    joined = [msgspec.structs.replace(pair[-1], began_ms=pair[0].began_ms) for pair in pairs]
    return (*joined, marks[-1])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Walk)


def write_cursor(walk: Walk) -> str:
    """Return an opaque cursor."""
    return written_text(_encoder.encode(walk))


def read_cursor(cursor: str) -> Walk:
    """Read what ``write_cursor`` wrote; raises ValueError for anything else."""
    try:
        return _decoder.decode(read_text(cursor))
    except (ValueError, msgspec.DecodeError) as error:
        msg = f"not a cursor of this queue: {cursor[:100]!r}"
        raise ValueError(msg) from error
