"""
What is named on the command line: files, folders, and ``-`` for standard input.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import click

from aikit.cli.options import usage_errors
from aikit.http.sources import FileSource, Source, source_of
from aikit.types.errors import OpenAIError

STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"
_CHUNK: Final = 1024 * 1024


@attrs.frozen(kw_only=True)
class Input:
    """
    One file to be checked or sent.

    Attributes:
        name: As it was given, or ``<stdin>``.

        source: ``None`` when there is nothing to send, as *error* tells.

        size_bytes: 0 when it is not known.
    """

    name: str
    file: FileSource = b""
    source: Source | None = None
    size_bytes: int = 0
    error: OpenAIError | None = None


def inputs_of(paths: Sequence[str], *, filename: str | None, purpose: str) -> list[Input]:
    """
    Return what *paths* name: of a folder its own files, sorted, without hidden ones and without its folders' files.

    Args:
        paths: Files, folders, and at most one ``-``, which is read to its end into a temporary file.

        filename: Name to send it under.

        purpose: Gives a name to what has none.

    Raises:
        click.UsageError: A path or *filename* cannot be one, or *filename* is given for several files.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("- (standard input) can be read only once")
    found = [one for path in paths for one in _expanded(path)]
    if filename is not None and len(found) > 1:
        raise click.UsageError(f"--filename names one file, but there are {len(found)}")
    with usage_errors():
        return [_with_source(one, filename, purpose) for one in found]


def files_of(paths: Sequence[str], *, filename: str | None, purpose: str) -> list[FileSource]:
    """
    Return what *paths* name, as they are but for one ``-``, which is read to its end into a temporary file.

    Raises:
        click.UsageError: Standard input is named twice, or has no name.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("- (standard input) can be read only once")
    files: list[FileSource] = []
    for path in paths:
        one = _spooled_stdin() if path == STDIN else None
        if one is not None and filename is None:
            _stdin_filename(one, purpose)
        files.append(path if one is None else one.file)
    return files


def is_many(paths: Sequence[str]) -> bool:
    """
    Tell whether *paths* ask for a list: several of them, or a folder.
    """
    return len(paths) > 1 or Path(paths[0]).is_dir()


def _expanded(path: str) -> Iterator[Input]:
    if path == STDIN:
        yield _spooled_stdin()
        return
    folder = Path(path) if path else None
    if folder is None or not folder.is_dir():
        yield Input(name=path, file=path, size_bytes=_size(path))
        return
    names = sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    for name in names:
        yield Input(name=str(name), file=name, size_bytes=_size(name))
    if not names:
        message = f"{path} has no files of its own; folders in it are not searched"
        yield Input(name=path, error=OpenAIError(message=message, code="empty_folder", param="file"))


def _with_source(one: Input, filename: str | None, purpose: str) -> Input:
    if one.error is not None:
        return one
    if filename is None and one.name == STDIN_NAME:
        filename = _stdin_filename(one, purpose)
    return attrs.evolve(one, source=source_of(one.file, filename=filename, purpose=purpose))


def _stdin_filename(one: Input, purpose: str) -> str:
    """
    Return the name that content or purpose give to standard input.
    """
    try:
        return source_of(one.file, purpose=purpose).name
    except ValueError as error:
        message = "standard input has no name and does not show its type; say --filename, for example notes.txt"
        raise click.UsageError(message) from error


def _spooled_stdin() -> Input:
    """
    Keep standard input in a temporary file, so that it is checked before it is sent, and can be sent again.
    """
    file = click.get_current_context().with_resource(tempfile.TemporaryFile())  # noqa: SIM115  the context closes it
    shutil.copyfileobj(sys.stdin.buffer, file, _CHUNK)
    size = file.tell()
    file.seek(0)
    return Input(name=STDIN_NAME, file=file, size_bytes=size)


def _size(path: str | Path) -> int:
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):  # told when it is sent
        return 0
