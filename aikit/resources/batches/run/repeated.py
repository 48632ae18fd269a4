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

_CUSTOM_ID: Final = re.compile(rb'"custom_id"\s*:\s*"[^"\\]*"\s*(?:,\s*)?')
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

    It is one of the same path; or one of another path or of none, if that has sent half of the new one's requests.
    """
    others, total = folder.others(order), len(marks) // _MARK_BYTES
    of_path = [other for other in others if order.input == other.order.input != ""]
    same, run = _most_like(folder, of_path, marks)
    if run is not None:
        what = "the input was changed" if run.order.sha256 != order.sha256 else "other options were given"
        what = "the table or the question was changed" if is_table else what
        yield f"{what} since the run of {told_time(run.created_at)}: this is a new run"
        yield from _notes_of(run, same, total)
    if not same:
        same, run = _most_like(folder, [other for other in others if other not in of_path], marks)
        if run is not None and same * 2 >= total:
            yield from _notes_of(run, same, total)


def _notes_of(run: RunState, same: int, total: int) -> Iterator[str]:
    if same:
        where = "".join(f", whose results are in {place}" for place in run.intact_results[:1])
        first = "first " if total == _MOST_LINES else ""
        yield (
            f"{same:,} of the {first}{total:,} requests were sent by the run of {told_time(run.created_at)}, too"
            f"{where}, and are to be paid again; to pay for what is new only, give it as an input of its own"
        )
    if not run.is_ended and run.batch_ids:
        yield f"batches of that run that may still be running: {listed(run.batch_ids)}"


def _most_like(folder: RunFolder, runs: list[RunState], marks: bytes) -> tuple[int, RunState | None]:
    """
    Return the one of the last of *runs* that has sent most of the requests with *marks*, and how many.
    """
    counted = [(_count_same(folder, run, marks), run) for run in runs[-_MOST_RUNS:]]
    return max(reversed(counted), key=lambda found: found[0], default=(0, None))


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
