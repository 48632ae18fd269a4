"""
Arguments that name files: paths, folders, and ``-`` for standard input or output.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from aikit.cli.options import Settings, usage_errors
from aikit.http.descriptors import descriptor_of
from aikit.http.sources import FileContent, Source, release, source_of
from aikit.storage import is_folder
from aikit.storage.temporary import temporary_folder, temporary_root
from aikit.storage.walk import Links, walk
from aikit.types.errors import OpenAIError

STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"
_CHUNK: Final = 1024 * 1024


class OutputPath(click.Path):
    """
    The path to write to, or ``-``: names of open files, such as ``/dev/stdout`` and ``/dev/fd/3``, mean that, too.
    """

    def __init__(self, *, dir_okay: bool) -> None:
        super().__init__(allow_dash=True, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """
        Return the path, or ``-`` after noting in the settings which open file it stands for.
        """
        descriptor = descriptor_of(value) if value and "\0" not in value else None
        if descriptor is None or ctx is None:
            return super().convert(value, param, ctx)
        try:
            is_given = descriptor < 3 or os.get_inheritable(descriptor)  # else it is a file of this program's own
        except OSError:
            is_given = False
        if not is_given:
            self.fail(f"{value} is not open; redirect it, or pass a path", param, ctx)
        ctx.ensure_object(Settings).descriptor = descriptor
        return STDIN


class InputPath(click.Path):
    """
    The path of a file to read, or ``-``: pipes that are open here, as by ``<(…)``, are refused.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """
        Return the path.
        """
        if isinstance(value, str) and is_pipe(value):
            message = (
                "is an open pipe or terminal, which can be read only once; use - and redirect it to standard input"
            )
            self.fail(f"{value} {message}", param, ctx)
        return super().convert(value, param, ctx)


def is_pipe(path: str) -> bool:
    """
    Return whether *path* names what is open in this process and no regular file, such as ``/dev/stdin``.
    """
    if not path or "\0" in path or descriptor_of(path) is None:
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116  a number of a descriptor, whatever it is called
    except OSError:
        return False


@attrs.frozen(kw_only=True)
class Input:
    """
    One file to be checked or sent.

    Attributes:
        name: The argument, or ``<stdin>``.

        source: ``None`` when there is nothing to send, for the reason in *error*.

        size_bytes: 0 when it is unknown.
    """

    name: str
    file: str | FileContent = b""
    source: Source | None = None
    size_bytes: int = 0
    error: OpenAIError | None = None


def inputs_of(
    paths: Sequence[str], *, filename: str | None, purpose: str, recursive: bool = True, links: Links | None = None
) -> list[Input]:
    """
    Return the files that *paths* name, those of a folder sorted, as uploads take them.

    Args:
        paths: Files, folders, and at most one ``-``, which is read to its end into a temporary file.

        filename: Name to upload the file under.

        purpose: Decides the name of a file that has none.

        recursive: Whether to enter the folders of a folder.

        links: Says whether links out of a folder are followed.

    Raises:
        click.UsageError: A path or *filename* cannot be one, or *filename* is given for several files.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("- (standard input) can be read only once")
    found = [one for path in paths for one in _expand(path, links, recursive=recursive)]
    if filename is not None and len(found) > 1:
        raise click.UsageError(f"--filename names one file, but there are {len(found)}")
    with usage_errors():
        return [_with_source(one, filename, purpose) for one in found]


def files_of(paths: Sequence[str], *, filename: str | None, purpose: str) -> list[str | FileContent]:
    """
    Return *paths* as they are, but read a ``-`` to its end into a temporary file.

    Raises:
        click.UsageError: Standard input is named twice, or has no name.
    """
    if paths.count(STDIN) > 1:
        raise click.UsageError("- (standard input) can be read only once")
    files: list[str | FileContent] = []
    for path in paths:
        one = _spool_stdin() if path == STDIN else None
        if one is not None and filename is None:
            _stdin_filename(one, purpose)
        files.append(path if one is None else one.file)
    return files


def is_many(paths: Sequence[str]) -> bool:
    """
    Return whether *paths* call for a list: several of them, or a folder.
    """
    return len(paths) > 1 or is_folder(paths[0])


def _expand(path: str, links: Links | None, *, recursive: bool) -> Iterator[Input]:
    if path == STDIN:
        yield _spool_stdin()
    elif not path or not is_folder(path):
        yield Input(name=path, file=path, size_bytes=size_of(path))
    else:
        for found in walk(path, recursive=recursive, links=links):
            yield Input(name=found.path or path, file=found.file, size_bytes=size_of(found.file), error=found.error)


def _with_source(one: Input, filename: str | None, purpose: str) -> Input:
    if one.error is not None:
        return one
    if filename is None and one.name == STDIN_NAME:
        filename = _stdin_filename(one, purpose)
    source = source_of(one.file, filename=filename, purpose=purpose)
    release(source)  # what is checked here is then given to a call
    return attrs.evolve(one, source=source)


def _stdin_filename(one: Input, purpose: str) -> str:
    """
    Return the name of standard input, by its content or *purpose*.
    """
    try:
        return source_of(one.file, purpose=purpose).name
    except ValueError as error:
        message = "standard input has no name and its type is not known; pass --filename, for example notes.txt"
        raise click.UsageError(message) from error


def _spool_stdin() -> Input:
    """
    Copy standard input to a temporary file, so that it is checked before it is sent, and can be sent again.
    """
    temporary_root()
    file = click.get_current_context().with_resource(tempfile.TemporaryFile())  # noqa: SIM115  the context closes it
    shutil.copyfileobj(sys.stdin.buffer, file, _CHUNK)
    size = file.tell()
    file.seek(0)
    return Input(name=STDIN_NAME, file=file, size_bytes=size)


def stdin_path() -> Path:
    """
    Copy standard input to a file that is removed at the end of the command, and return its path.
    """
    folder = click.get_current_context().with_resource(temporary_folder())
    first = sys.stdin.buffer.read(_CHUNK)
    path = Path(folder) / ("stdin.jsonl" if first.lstrip().startswith(b"{") else "stdin.csv")
    with path.open("wb") as file:
        file.write(first)
        shutil.copyfileobj(sys.stdin.buffer, file, _CHUNK)
    return path


def size_of(path: str | Path) -> int:
    """
    Return the size of a file in bytes; 0 when it cannot be read, which is an error later, when it is opened.
    """
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0
