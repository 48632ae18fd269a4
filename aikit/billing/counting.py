"""
A sink that counts a file's lines as they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, Protocol, TypeVar

import attrs

from aikit.http.sinks import ResumingSink
from aikit.types.batch_rows import LINE_MAX_BYTES, read_line
from aikit.types.interruptions import suppress

_PIECE: Final = 64 * 1024  # what fits into the processor's cache is scanned a fifth faster
_MAX_LINE_BYTES: Final = LINE_MAX_BYTES
_BOM: Final = b"\xef\xbb\xbf"
_TWO: Final = 2


class Counter(Protocol):
    """
    An object that counts lines.
    """

    def add_lines(self, lines: bytes, number: int, /) -> int:
        """Count whole lines, each with its newline, that follow line *number*; return the number of the last."""
        ...

    def add_problem(self, number: int, message: str, /) -> None:
        """Note that line *number* cannot be read."""
        ...


@attrs.define(eq=False)
class AskedModels:
    """
    The models that the lines of an input ask.

    Attributes:
        names: The first two; ``None`` for lines that name none.
    """

    names: list[str | None] = attrs.field(factory=list)

    def add_lines(self, lines: bytes, number: int) -> int:
        """
        Note the models of whole lines that follow line *number*; see `CountingSink`.
        """
        found = lines[:-1].split(b"\n")
        for line in found if len(self.names) < _TWO else ():
            if line.strip():
                self._add_line(line)
        return number + len(found)

    def add_problem(self, number: int, message: str) -> None:
        """
        Note nothing: a line that cannot be read was not asked.
        """

    def _add_line(self, line: bytes) -> None:
        with suppress(ValueError):
            body = read_line(line.removeprefix(_BOM)).get("body")
            name = body.get("model") if isinstance(body, dict) else None
            name = name if isinstance(name, str) else None
            if name not in self.names:
                self.names.append(name)


C = TypeVar("C", bound=Counter)


@attrs.define(kw_only=True, eq=False)
class CountingSink(ResumingSink, Generic[C]):
    """
    A sink that passes whole lines to a counter; a download that restarts is counted anew.

    Attributes:
        make_counter: Makes an empty one.

        counter: What came so far.
    """

    undone: str = "nothing was counted"
    make_counter: Callable[[], C]
    counter: C = attrs.field(init=False)
    _rest: bytearray = attrs.field(factory=bytearray)
    _number: int = 0
    _is_skipping: bool = False

    def __attrs_post_init__(self) -> None:
        self._begin_anew()

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Resume counting where the last answer broke off (206), or count anew.
        """
        start = super().begin(status, headers)
        if not start:
            self._begin_anew()
        return start

    def restart(self) -> None:
        """
        Forget what was counted; the next attempt asks for the whole.
        """
        super().restart()
        self._begin_anew()

    def write(self, chunk: memoryview, /) -> None:
        """
        Count the lines of *chunk*; a line cut by its end waits for the next.
        """
        self.require_room(len(chunk))
        self.done += len(chunk)
        for start in range(0, len(chunk), _PIECE):
            self._count(bytes(chunk[start : start + _PIECE]))

    def finish(self) -> C:
        """
        Count a last line without a newline; return what all lines come to.
        """
        if self._rest or self._is_skipping:
            self._count(b"\n")
        return self.counter

    def _begin_anew(self) -> None:
        self.counter, self._rest, self._number, self._is_skipping = self.make_counter(), bytearray(), 0, False

    def _count(self, piece: bytes) -> None:
        end = piece.rfind(b"\n") + 1
        if not end:
            self._keep(piece)
            return
        first = piece.index(b"\n") + 1
        if self._is_skipping or len(self._rest) + first > _MAX_LINE_BYTES + 1:  # its newline does not count
            self._number, self._is_skipping = self._number + 1, False
            self.counter.add_problem(self._number, f"This line is longer than {_MAX_LINE_BYTES:,} bytes.")
            whole = piece[first:end]
        else:
            whole = bytes(self._rest) + piece[:end]
        self._rest.clear()
        if whole:
            self._number = self.counter.add_lines(whole, self._number)
        self._keep(piece[end:])

    def _keep(self, rest: bytes) -> None:
        if self._is_skipping:
            return
        self._rest += rest
        if len(self._rest) > _MAX_LINE_BYTES:
            self._rest, self._is_skipping = bytearray(), True
