"""
The parts of a split file: written to a hidden folder, and renamed when all are complete.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import attrs

from aikit.jsonl.tokens import TokenEstimate
from aikit.storage import exists
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through, suppress
from aikit.types.json_form import Jsonable

WAITING_MAX: Final = 4 * 1024 * 1024  # bytes of all parts that are not on disk yet
_BUFFER: Final = 256 * 1024
_STEM_MAX: Final = 200  # bytes, so that with what is appended no name is longer than 255
_NONE: Final = TokenEstimate()


@attrs.frozen(kw_only=True)
class Part(Jsonable):
    """
    One part of a split batch input.

    Attributes:
        path: The file.

        url: The endpoint of all its requests.

        model: The model of all its requests; ``None`` where they name none.

        lines: The number of requests.

        bytes: The size of the file.

        first_line: The line of its first request in the input, 1-based.

        tokens: The estimate of its input tokens, when *max_tokens* was given.
    """

    path: Path
    url: str
    model: str | None
    lines: int
    bytes: int
    first_line: int
    tokens: TokenEstimate | None = None


@attrs.define(kw_only=True, eq=False)
class GrowingPart:
    """
    A part that is being written.

    Attributes:
        inputs: The number of embedding inputs.

        waiting: Lines that are not on disk yet.
    """

    path: Path
    url: str
    model: str | None
    first_line: int
    lines: int = 0
    size_bytes: int = 0
    inputs: int = 0
    tokens: TokenEstimate = _NONE
    waiting: list[bytes] = attrs.field(factory=list)

    def complete(self, path: Path, *, has_tokens: bool) -> Part:
        """
        Return the finished part, which is now at *path*.
        """
        return Part(
            path=path,
            url=self.url,
            model=self.model,
            lines=self.lines,
            bytes=self.size_bytes,
            first_line=self.first_line,
            tokens=self.tokens if has_tokens else None,
        )


@attrs.define(eq=False)
class PartsFolder:
    """
    The folder in which the parts appear, all at once or none.

    No part is kept open, so there may be any number of them.

    Attributes:
        folder: Created if it does not exist.

        stem: The start of the parts' names.

        is_replacing: Whether parts of an earlier split may be removed.
    """

    folder: Path
    stem: str
    is_replacing: bool
    parts: list[GrowingPart] = attrs.field(factory=list)
    _hidden: Path = attrs.field(init=False)
    _waiting: int = 0
    _unwritten: list[GrowingPart] = attrs.field(factory=list)
    _made: list[Path] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.stem = self.stem.encode("utf-8", "ignore")[:_STEM_MAX].decode("utf-8", "ignore")
        self._hidden = self.folder / f".{self.stem}.{os.urandom(4).hex()}.parts"

    def __enter__(self) -> Self:
        try:
            with self._disk():
                self._make()
                self._refuse_earlier()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def begin(self, url: str, model: str | None, line: int) -> GrowingPart:
        """
        Return a new part, whose first request is on *line* of the input.
        """
        name = f"{self.stem}.part-{len(self.parts) + 1:05d}.jsonl"
        self.parts.append(GrowingPart(path=self._hidden / name, url=url, model=model, first_line=line))
        return self.parts[-1]

    def add(self, part: GrowingPart, line: bytes) -> None:
        """
        Append *line*, and a newline, to *part*.
        """
        if not part.waiting:
            self._unwritten.append(part)
        part.waiting += (line, b"\n")
        part.lines += 1
        size = len(line) + 1
        part.size_bytes += size
        self._waiting += size
        if self._waiting >= WAITING_MAX:
            self.flush()

    def flush(self) -> None:
        """
        Write the waiting lines of all parts to disk.

        Raises:
            OpenAIError: The disk is full or broken (code ``"unwritable_file"``).
        """
        with self._disk():
            for part in self._unwritten:
                with part.path.open("ab", buffering=_BUFFER) as file:
                    file.writelines(part.waiting)
                part.waiting = []
        self._unwritten = []
        self._waiting = 0

    def commit(self) -> tuple[Path, ...]:
        """
        Rename all parts to their final names, or none; return their paths.

        Raises:
            OpenAIError: The disk is full or broken (code ``"unwritable_file"``), or parts of an earlier split are
                there (code ``"file_exists"``).
        """
        self.flush()
        moves = [(part.path, self.folder / part.path.name) for part in self.parts]
        with self._disk():
            self._refuse_earlier()
            aside = self._hidden / "earlier"
            aside.mkdir()
            _move([*((path, aside / path.name) for path in self._earlier()), *moves])
        return tuple(path for _, path in moves)

    def discard(self) -> None:
        """
        Remove parts that were not committed, and folders that were created for them.
        """
        self._unwritten = []
        shutil.rmtree(self._hidden, ignore_errors=True)
        for folder in reversed(self._made):
            with suppress(OSError):  # not empty: it has parts now, or other files
                folder.rmdir()

    def _make(self) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not exists(folder)]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)
        self._hidden.mkdir()

    def _refuse_earlier(self) -> None:
        earlier = [] if self.is_replacing else self._earlier()
        if earlier:
            raise OpenAIError(
                message=f"{earlier[0]} exists already, from an earlier split; pass another folder, or replace=True "
                "to replace all such parts",
                code="file_exists",
                param="folder",
            )

    def _earlier(self) -> list[Path]:
        name = re.compile(re.escape(self.stem) + r"\.part-\d{5,}\.jsonl", re.ASCII)
        return sorted(path for path in self.folder.iterdir() if name.fullmatch(path.name))

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            let_through(error)
            raise OpenAIError(
                message=f"{self.folder} cannot be written to: {error.strerror or error}; nothing was left behind",
                code="unwritable_file",
                param="folder",
            ) from error


def _move(moves: list[tuple[Path, Path]]) -> None:
    """
    Rename all files, or none.
    """
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            target.rename(source)
        raise
