"""The lines of a batch's file, and which of them an answer belongs to."""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from ..failures import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Lines"]

BOM = b"\xef\xbb\xbf"


class Lines:
    """Yields the lines that are not blank; a JSON array is read as a whole, its tasks as lines."""

    def __init__(self, source: BinaryIO, path: str) -> None:
        self._source = source
        self._path = path
        self._numbers: deque[int] = deque()

    def answered(self) -> int:
        """Return the number of the first line that had no answer yet."""
        return self._numbers.popleft()

    def __iter__(self) -> Iterator[bytes]:
        for number, line in enumerate(self._lines(), 1):
            if not line.isspace():
                self._numbers.append(number)
                yield line

    def _lines(self) -> Iterable[bytes]:
        blank: list[bytes] = []
        for line in self._source:
            start = line if blank else line.removeprefix(BOM)
            if not start.isspace():
                if start.lstrip().startswith(b"["):
                    return self._array(start)
                return chain(blank, [start], self._source)
            blank.append(line)
        return []

    def _array(self, start: bytes) -> Iterator[bytes]:
        import msgspec

        try:
            tasks = msgspec.json.decode(start + self._source.read(), type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            msg = (
                f"{self._path} begins as a JSON array and is none: {error}; "
                "NDJSON, a task a line, has no brackets and no commas between the lines"
            )
            raise CommandError(msg, USAGE) from None
        return map(bytes, tasks)
