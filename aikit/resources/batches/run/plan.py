"""
The input of a run: everything that is wrong with it, and the parts that a provider takes at once.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.sources import Source, source_of
from aikit.http.streams import missing
from aikit.jsonl import split
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.state import Part, RunOrder, RunState
from aikit.storage import is_file, sync
from aikit.storage.private import restrict
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.interruptions import let_through
from aikit.validation import MakeLineRules, check_file, no_line_rules
from aikit.validation.batch_lines import BatchRules
from aikit.validation.limits import Limits, known_limits, limits_for
from aikit.validation.lines import check_lines, iter_lines, parsed
from aikit.validation.problems import Problems

if TYPE_CHECKING:
    from aikit.providers import Provider

_CHUNK: Final = 1024 * 1024
_SPLIT: Final = frozenset(("mismatched_model", "too_many_tasks", "too_many_inputs"))
_OTHER_URL: Final = "does not match the batch endpoint."

OnNote = Callable[[str], object]
"""Told what may be a mistake and is no problem."""

OnRead = Callable[[int], None]
"""Told the bytes read so far; what it raises ends the reading."""


@attrs.frozen(kw_only=True)
class Fingerprint:
    """
    Digest, size and time of change of a file, to tell whether it is unchanged.

    Attributes:
        modified_ns: Time of the last change.
    """

    sha256: str
    size_bytes: int
    modified_ns: int

    def is_of(self, path: Path) -> bool:
        """
        Return whether the file at *path* is there and unchanged.
        """
        try:
            return self._fits(path.stat())
        except OSError:
            return False

    def require(self, path: Path) -> None:
        """
        Check that the file at *path* is unchanged.

        Raises:
            OpenAIError: It was changed (code ``"input_changed"``), or is gone.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error
        if not self._fits(status):
            message = f"{path} was changed while it was read; call again when it stays as it is"
            raise OpenAIError(message=message, code="input_changed", param="file")

    def _fits(self, status: os.stat_result) -> bool:
        return (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.modified_ns)


def fingerprint(path: Path, on_read: OnRead) -> Fingerprint:
    """
    Read the file at *path* to its end.

    Raises:
        Rejected: It cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                on_read(done)
    except (OSError, ValueError) as error:
        raise Rejected([_unreadable(path, error)]) from error
    return Fingerprint(sha256=digest.hexdigest(), size_bytes=done, modified_ns=status.st_mtime_ns)


def plan(
    path: Path,
    limits: Limits,
    folder: Path,
    on_read: OnRead,
    line_rules: MakeLineRules = no_line_rules,
    *,
    on_note: OnNote = lambda _: None,
) -> tuple[Part, ...]:
    """
    Check the input at *path*, and return its parts: mostly one, the input itself.

    Args:
        path: The input.

        limits: What the provider takes in one batch.

        folder: Where several parts are written to.

        on_read: Told how far the check has come.

        line_rules: Makes the provider's own rules for lines.

        on_note: Told notes of the lines, such as that a parameter is misspelt.

    Raises:
        Rejected: All problems, each with its line.
    """
    source = source_of(path, purpose="batch").resolved()
    lines, is_one = _check(source, limits, on_read, line_rules, on_note)
    if is_one:
        return (Part(number=1, path=str(path), endpoint=first_url(source) or "", lines=lines),)
    return _split(path, limits, folder, on_read)


def load_or_rebuild(
    provider: Provider, order: RunOrder, path: Path, folder: RunFolder, on_read: OnRead
) -> RunState | None:
    """
    Return the state of the run of *order*, with its parts made again where they are lost; ``None`` for a new run.

    Args:
        provider: Whose limits decide how the input is split.

        order: The run.

        path: Where its lines are this time.

        folder: Where runs are kept.

        on_read: Told how far the making of lost parts has come.

    Raises:
        Rejected: Its parts are gone, and cannot be made again.
        OpenAIError: What was kept cannot be used (code ``"run_damaged"``).
    """
    known = folder.load(order.key)
    if known is None:
        return None
    known = attrs.evolve(known, order=order)
    if len(known.parts) == 1:  # the same lines may have another name by now
        return known.with_part(attrs.evolve(known.parts[0], path=str(path)))
    if all(is_file(part.path) for part in known.parts):
        return known
    try:
        return _with_parts(known, _split(path, provider.limits, folder.parts_of(order.key), on_read))
    except CancelledError:
        raise
    except (OpenAIError, Rejected):
        if any(part.file_id is None for part in known.parts):
            raise
    return known  # the provider may give out what was uploaded


def _with_parts(known: RunState, parts: tuple[Part, ...]) -> RunState:
    if [_what(part) for part in parts] == [_what(part) for part in known.parts]:
        places = [part.path for part in parts]
        made = (attrs.evolve(part, path=place) for part, place in zip(known.parts, places, strict=True))
        return attrs.evolve(known, parts=tuple(made))
    for part in parts:
        Path(part.path).unlink()  # they are not what their names say
    message = f"the parts of this run are gone from {Path(known.parts[0].path).parent}, and splitting gives others now"
    raise OpenAIError(message=f"{message}; put them back; again=True starts over, and pays again", code="run_damaged")


def _what(part: Part) -> tuple[int, str, int]:
    return part.number, part.endpoint, part.lines


def first_url(source: Source) -> str | None:
    """
    Return what the first request of *source* asks, or ``None`` when that cannot be read.
    """
    with closing(source.open()) as reader:
        first = next(iter_lines(reader, sys.maxsize), None)
    try:
        line = parsed(first or b"")
    except ValueError as error:
        let_through(error)
        return None
    url = line.get("url") if isinstance(line, dict) else None
    return url if isinstance(url, str) and url else None


@attrs.define
class _Mendable(Problems):
    """
    Problems but for those that splitting mends.

    Attributes:
        is_mendable: Whether there were some of these.
    """

    is_mendable: bool = False

    def add(self, error: OpenAIError) -> None:
        """
        Take a problem of the whole file.
        """
        if error.code in _SPLIT:
            self.is_mendable = True
        else:
            Problems.add(self, error)

    def add_line(self, line: int, code: str, message: str, param: str | None = None) -> None:
        """
        Take a problem of a line.
        """
        if code in _SPLIT or (code == "invalid_url" and message.endswith(_OTHER_URL)):
            self.is_mendable = True
        else:
            Problems.add_line(self, line, code, message, param)


def _check(
    source: Source, limits: Limits, on_read: OnRead, line_rules: MakeLineRules, on_note: OnNote
) -> tuple[int, bool]:
    """
    Return how many lines there are, and whether they are one batch.
    """
    unbounded = attrs.evolve(limits, batch_max_bytes=sys.maxsize, batch_max_lines=sys.maxsize)
    problems = _Mendable()
    for error in check_file(source, "batch", attrs.evolve(unbounded, checked_purposes=())):
        problems.add(error)
    rules = BatchRules(unbounded, problems)  # of all lines, so that no custom_id is in two parts
    if source.size_bytes and not problems.count:
        with closing(source.open()) as reader:
            try:
                check_lines("batch", reader, unbounded, problems, on_read, rules=rules, own=line_rules(problems))
            except CancelledError:
                raise
            except OpenAIError as error:
                problems.add(error)
    for note in problems.notes:
        on_note(f"{source.name}, {note}")
    if problems.count:
        raise Rejected(problems.shown())
    is_small = (source.size_bytes or 0) <= limits.batch_max_bytes and rules.lines <= limits.batch_max_lines
    return rules.lines, is_small and not problems.is_mendable


def _split(path: Path, limits: Limits, folder: Path, on_read: OnRead) -> tuple[Part, ...]:
    pieces = split(
        path,
        folder,
        provider=_name_of(limits),
        max_lines=limits.batch_max_lines,
        max_bytes=limits.batch_max_bytes,
        replace=True,  # those of a call that was stopped before it had a plan
        on_progress=lambda progress: on_read(progress.bytes),
    )
    restrict(folder)
    for piece in pieces:
        restrict(piece.path)
        sync(piece.path)  # the state that names it lasts through a power cut, too
    return tuple(
        Part(number=number, path=str(piece.path), endpoint=piece.url, lines=piece.lines)
        for number, piece in enumerate(pieces, 1)
    )


def _name_of(limits: Limits) -> str:
    return next((name for name in known_limits() if limits_for(name) == limits), "compatible")


def _unreadable(path: Path, error: Exception) -> OpenAIError:
    let_through(error)
    if isinstance(error, FileNotFoundError):
        return missing(path)
    message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; check the path"
    return OpenAIError(message=message, code="unreadable_file", param="file")
