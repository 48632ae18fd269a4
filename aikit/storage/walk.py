"""
Files named by paths, folders and lists of them, one by one and always in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError

_LISTS: Final = (list, tuple, set, frozenset)


@attrs.frozen
class FoundFile:
    """
    One file, or the error that kept it from being found.

    Attributes:
        file: A path, bytes, or a stream.

        error: Why there is nothing to read.
    """

    file: Any
    error: OpenAIError | None = None

    @property
    def path(self) -> str | None:
        """The path as it was given, or in the folder as it was given; ``None`` of bytes and streams."""
        return os.fsdecode(self.file) if isinstance(self.file, str | os.PathLike) else None


def is_one(paths: Any) -> bool:
    """
    Return whether *paths* is a single file or folder, and no list of them.
    """
    return isinstance(paths, str | bytes | bytearray | memoryview | os.PathLike) or callable(
        getattr(paths, "read", None)
    )


def is_folder(one: Any) -> bool:
    """
    Return whether *one* is the path of a folder.
    """
    return isinstance(one, str | os.PathLike) and os.path.isdir(one)  # noqa: PTH112  a Path for each costs more


def can_be_walked_twice(paths: Any) -> bool:
    """
    Return whether *paths* can be walked through a second time.
    """
    return is_one(paths) or isinstance(paths, _LISTS)


def require_paths(paths: Any) -> None:
    """
    Check *paths* without walking.

    Raises:
        TypeError: It is no path, stream or bytes, and no list of them.
        ValueError: A path is empty or has a NUL character.
    """
    if not is_one(paths) and not isinstance(paths, Iterable):
        raise TypeError(f"paths must be a path, or an iterable of paths, not {type(paths).__name__}")
    if can_be_walked_twice(paths):
        for one in (paths,) if is_one(paths) else paths:
            _require_path(one)


def walk(paths: Any, *, recursive: bool, but: str | os.PathLike[str] | None = None) -> Iterator[FoundFile]:
    """
    Find the files that *paths* names, as late as they are asked for.

    Of a folder its files are found sorted by name, with *recursive* those of its folders too; no hidden ones, no
    folders that are links, and nothing that is neither file nor folder. A file that is named itself is never left out.

    Args:
        paths: A path, stream or bytes, or an iterable of them.

        recursive: Whether to go into the folders of a folder.

        but: A file that is left out of folders.
    """
    for one in (paths,) if is_one(paths) else paths:
        try:
            _require_path(one)
        except (TypeError, ValueError) as error:
            yield FoundFile(str(one), OpenAIError(message=str(error), code="invalid_path", param="file"))
            continue
        if is_folder(one):
            yield from _in_folder(os.fspath(one), recursive=recursive, but=but)
        else:
            yield FoundFile(one)


def walk_sizes(paths: Any, *, recursive: bool, but: str | os.PathLike[str] | None = None) -> Iterator[int]:
    """
    Walk like `walk`, and give the size of each file in bytes, 0 where it is not known.
    """
    for found in walk(paths, recursive=recursive, but=but):
        try:
            yield os.stat(found.path).st_size if found.path is not None else 0  # noqa: PTH116  likewise
        except OSError:  # told when it is sent
            yield 0


def _require_path(one: Any) -> None:
    if not is_one(one):
        raise TypeError(f"paths must name files; {one!r} is {type(one).__name__}")
    if isinstance(one, str | os.PathLike):
        path = os.fspath(one)
        if not isinstance(path, str):
            raise TypeError("paths must be paths as str, not bytes; use os.fsdecode(path)")
        if not path or "\0" in path:
            raise ValueError("a path must not be empty, and have no NUL character")


def _in_folder(top: str, *, recursive: bool, but: str | os.PathLike[str] | None) -> Iterator[FoundFile]:
    is_empty = True
    names = {Path(but).name, Path(but).resolve().name} if but is not None else frozenset()
    for found in _files_below(top, recursive=recursive):
        if but is not None and os.path.basename(found.file) in names and _is_same(found.file, but):  # noqa: PTH119  likewise
            continue
        is_empty = False
        yield found
    if is_empty:
        message = (
            f"{top} has no files" if recursive else f"{top} has no files of its own; folders in it are not searched"
        )
        yield FoundFile(top, OpenAIError(message=message, code="empty_folder", param="file"))


def _is_same(path: str, other: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121  likewise
    except OSError:  # one of them is gone
        return False


def _files_below(top: str, *, recursive: bool) -> Iterator[FoundFile]:
    open_folders = [_entries(top)]  # no recursion: folders may be nested deeper than calls can be
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, FoundFile):
            yield entry
        elif recursive:
            open_folders.append(_entries(entry))


def _entries(folder: str) -> Iterator[FoundFile | str]:
    """
    Give the files in *folder* and the paths of its folders, sorted by name; only names are held.
    """
    names: list[str] = []
    folders: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.add(entry.name)
                elif not _is_file(entry):
                    continue
                names.append(entry.name)
    except OSError as error:
        message = f"{folder} cannot be searched: {error.strerror or error}"
        yield FoundFile(folder, OpenAIError(message=message, code="unreadable_folder", param="file"))
    names.sort()
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118  likewise
        yield path if name in folders else FoundFile(path)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """
    Return whether *entry* is a file, or a broken link, which is reported when it is sent.
    """
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))  # noqa: PTH110  likewise
    except OSError:
        return True
