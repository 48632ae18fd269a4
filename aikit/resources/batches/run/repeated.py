"""
Lines of a new run that an earlier run of the same input has sent already.
"""

from __future__ import annotations

import hashlib
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from aikit.http.sources import source_of
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.state import RunOrder, RunState
from aikit.validation.lines import iter_lines

_CUSTOM_ID: Final = re.compile(rb'"custom_id"\s*:\s*"[^"\\]*"\s*,?\s*')
_MARK_BYTES: Final = 8
_LINE_MAX: Final = 1 << 40
_MOST_LINES: Final = 500_000
_MOST_RUNS: Final = 10
_MOST_NAMED: Final = 10


def marks_of(path: Path, on_read: Callable[[int], None]) -> bytes:
    """
    Return 8 bytes for each line of the file at *path*, in order of their value, whatever the custom_id of a line.

    Of a long file, the first half a million lines will do, so that memory does not grow with it.
    """
    marks: array[int] = array("Q")
    with closing(source_of(path).resolved().open()) as reader:
        for line in iter_lines(reader, _LINE_MAX, on_read):
            if line and not line.isspace():
                text = _CUSTOM_ID.sub(b"", line.strip(), count=1)
                marks.frombytes(hashlib.blake2b(text, digest_size=_MARK_BYTES).digest())
                if len(marks) == _MOST_LINES:
                    break
    return array("Q", sorted(marks)).tobytes()


def notes_of_others(folder: RunFolder, order: RunOrder, marks: bytes, *, is_table: bool) -> Iterator[str]:
    """
    Yield what is to be known of the earlier run that is most like the new one of *order*, before that is paid.
    """
    runs = folder.others(order)[-_MOST_RUNS:] if order.input else ()
    others = [(_count_same(folder, other, marks), other) for other in runs]
    if not others:
        return
    same, other = max(reversed(others), key=lambda found: found[0])
    what = "the input was changed" if other.order.sha256 != order.sha256 else "other options were given"
    what = "the table or the question was changed" if is_table else what
    yield f"{what} since the run of {told_time(other.created_at)}: this is a new run"
    if same:
        total, places = len(marks) // _MARK_BYTES, other.intact_results[:1]
        where = "".join(f", whose results are in {place}" for place in places)
        first = "first " if total == _MOST_LINES else ""
        yield (
            f"{same:,} of its {first}{total:,} requests were sent by that run, too{where}, and are to be paid again; "
            "to pay for what is new only, give it as an input of its own"
        )
    if not other.is_ended and other.batch_ids:
        yield f"batches of that run that may still be running: {listed(other.batch_ids)}"


def listed(ids: tuple[str, ...]) -> str:
    """
    Return the first of *ids*, and how many more there are.
    """
    more = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def told_time(at: float) -> str:
    """
    Return the local time *at* as a person reads it.
    """
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _count_same(folder: RunFolder, other: RunState, marks: bytes) -> int:
    """
    Return how many of *marks* are of requests that *other* has sent, each once.
    """
    if not any(part.is_submitted and not part.is_refused for part in other.parts):
        return 0
    ours, theirs = array("Q", marks), array("Q", folder.load_marks(other.order.key))
    count = at = 0
    for mark in ours:
        at = bisect_left(theirs, mark, at)
        if at < len(theirs) and theirs[at] == mark:
            count, at = count + 1, at + 1
    return count
