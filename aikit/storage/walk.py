"""
Files named by paths, folders and lists of them, one by one and always in the same order.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit import storage
from aikit.types.errors import OpenAIError

_LISTS: Final = (list, tuple, set, frozenset)
_JUNCTION: Final = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which Python has on Windows only
_ADDRESSES: Final = ("http://", "https://")


@attrs.frozen
class FoundFile:
    """
    One file, or the error that kept it from being found.

    Attributes:
        file: A path, bytes, or a stream, or one of these in a tuple with its name.

        error: Why there is nothing to read.
    """

    file: Any
    error: OpenAIError | None = None

    @property
    def path(self) -> str | None:
        """The path as it was given, or in the folder as it was given; ``None`` of bytes and streams."""
        content = self.file[1] if isinstance(self.file, tuple) else self.file
        return os.fsdecode(content) if isinstance(content, str | os.PathLike) else None


@attrs.define
class Links:
    """
    Links in folders that lead outside of them: whether they are followed, and what of a folder was left out.

    Attributes:
        follow: Whether files and folders behind them are found, each folder once.

        left_out: Those that were met and not followed.

        not_entered: How many folders were met and not searched, because only a folder's own files were asked for.
    """

    follow: bool = False
    left_out: int = 0
    not_entered: int = 0

    def tell(self, note: Callable[[str], object]) -> None:
        """
        Call *note* with a remark for the user, if links or folders were left out.
        """
        if self.not_entered:
            count = "1 folder was" if self.not_entered == 1 else f"{self.not_entered:,} folders were"
            note(f"{count} not entered, as recursive=False asks")
        if self.left_out:
            count = "1 link" if self.left_out == 1 else f"{self.left_out:,} links"
            note(f"{count} out of a folder left out; follow_links=True takes them")


def is_one(paths: Any) -> bool:
    """
    Return whether *paths* is a single file or folder, and no list of them.
    """
    return isinstance(paths, str | bytes | bytearray | memoryview | os.PathLike) or callable(
        getattr(paths, "read", None)
    )


def is_named(one: Any) -> bool:
    """
    Return whether *one* is a content with its name, ``(name, content)`` or ``(name, content, type)``.
    """
    if not isinstance(one, tuple) or not 2 <= len(one) <= 3:
        return False
    name, content, *kind = one
    is_content = is_one(content) and not isinstance(content, str) and not is_folder(content)
    return is_content and all(text is None or isinstance(text, str) for text in (name, *kind))


def is_folder(one: Any) -> bool:
    """
    Return whether *one* is the path of a folder.
    """
    return isinstance(one, str | os.PathLike) and storage.is_folder(one)


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
    if isinstance(paths, Mapping) or not (is_one(paths) or isinstance(paths, Iterable)):
        hint = "; of names and their contents pass its items()" if isinstance(paths, Mapping) else ""
        raise TypeError(f"paths must be a path, or an iterable of paths, not {type(paths).__name__}{hint}")
    if is_named(paths):
        raise TypeError(
            "paths is a tuple that reads as a content with its name: [(name, content)] is one file, a list several"
        )
    if can_be_walked_twice(paths):
        for one in (paths,) if is_one(paths) else paths:
            _require_path(one)


def walk(
    paths: Any, *, recursive: bool, but: str | os.PathLike[str] | None = None, links: Links | None = None
) -> Iterator[FoundFile]:
    """
    Find the files that *paths* names, as late as they are asked for.

    Of a folder its files are found sorted by name, with *recursive* those of its folders too; no hidden ones, no
    links that lead to folders or out of the folder, unless *links* says so, and nothing that is neither file nor
    folder. A file that is named itself is never left out.

    Args:
        paths: A path, stream or bytes, or an iterable of them, each alone or in a tuple with its name.

        recursive: Whether to go into the folders of a folder.

        but: A file that is left out of folders.

        links: Says whether links that lead outside are followed, and counts those that are not.
    """
    links = links or Links()
    for one in (paths,) if is_one(paths) else paths:
        try:
            _require_path(one)
        except (TypeError, ValueError) as error:
            place = str(one).partition("?")[0] if _is_address(one) else str(one)
            yield FoundFile(place, OpenAIError(message=str(error), code="invalid_path", param="file"))
            continue
        if is_folder(one):
            yield from _in_folder(os.fspath(one), links, recursive=recursive, but=but)
        else:
            yield FoundFile(one)


def walk_sizes(
    paths: Any, *, recursive: bool, but: str | os.PathLike[str] | None = None, links: Links | None = None
) -> Iterator[int]:
    """
    Walk like `walk`, and give the size of each file in bytes, 0 where it is not known.
    """
    for found in walk(paths, recursive=recursive, but=but, links=links):
        try:
            yield os.stat(found.path).st_size if found.path is not None else 0  # noqa: PTH116  likewise
        except OSError:  # told when it is sent
            yield 0


def _require_path(one: Any) -> None:
    if is_named(one):
        return
    if not is_one(one):
        hint = ", or (name, content, type), of bytes, a binary stream or the pathlib.Path of a file"
        hint = f"; a tuple is (name, content){hint}" if isinstance(one, tuple) else ""
        raise TypeError(f"paths must name files, and {type(one).__name__} names none{hint}")
    if isinstance(one, str | os.PathLike):
        path = os.fspath(one)
        if not isinstance(path, str):
            raise TypeError("paths must be paths as str, not bytes; use os.fsdecode(path)")
        if not path or "\0" in path:
            raise ValueError("a path must not be empty, and have no NUL character")
        if _is_address(path):
            raise ValueError("an address is none of many files; give it to files.create alone")


def _is_address(one: Any) -> bool:
    """
    Return whether *one* is an address, of which what follows a question mark may be a signature, and is not kept.
    """
    return isinstance(one, str) and one.lower().startswith(_ADDRESSES)


def _in_folder(top: str, links: Links, *, recursive: bool, but: str | os.PathLike[str] | None) -> Iterator[FoundFile]:
    is_empty = True
    names = {_plain(str(Path(but))), _plain(os.path.realpath(but))} if but is not None else frozenset()
    for found in _Walk([os.path.realpath(top)], links, recursive).files(top):
        if but is not None and _plain(found.file) in names and _is_same(found.file, but):
            continue
        is_empty = False
        yield found
    if is_empty:
        message = (
            f"{top} has no files" if recursive else f"{top} has no files of its own; folders in it are not searched"
        )
        yield FoundFile(top, OpenAIError(message=message, code="empty_folder", param="file"))


def _plain(path: str) -> str:
    """
    Return the name of a file as systems compare it that know no capitals, or write accents in two ways.
    """
    return unicodedata.normalize("NFC", os.path.basename(path)).casefold()  # noqa: PTH119  likewise


def _is_same(path: str, other: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121  likewise
    except OSError:  # one of them is gone
        return False


@attrs.define
class _Walk:
    """
    A walk through one folder that was named.

    Attributes:
        inside: Real paths of that folder, and of those that links led to.
    """

    inside: list[str]
    links: Links
    recursive: bool

    def files(self, top: str) -> Iterator[FoundFile]:
        """
        Give the files below *top*.
        """
        open_folders = [self._entries(top)]  # no recursion: folders may be nested deeper than calls can be
        while open_folders:
            entry = next(open_folders[-1], None)
            if entry is None:
                open_folders.pop()
            elif isinstance(entry, FoundFile):
                yield entry
            elif self.recursive:
                open_folders.append(self._entries(entry))
            else:
                self.links.not_entered += 1

    def _entries(self, folder: str) -> Iterator[FoundFile | str]:
        """
        Give the files in *folder* and the paths of its folders, sorted by name; only names are held.
        """
        names: list[str] = []
        folders: set[str] = set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_hidden(entry) or not self._is_taken(entry):
                        continue
                    if _is_folder(entry):
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

    def _is_taken(self, entry: os.DirEntry[str]) -> bool:
        """
        Return whether *entry* is no link, or one that may be followed; links to folders inside lead in circles.
        """
        if not _is_link(entry):
            return True
        is_folder, target = _is_folder(entry), os.path.realpath(entry.path)
        if any(target == one or target.startswith(os.path.join(one, "")) for one in self.inside):  # noqa: PTH118  likewise
            return not is_folder
        if is_folder and not self.recursive:
            return False
        if self.links.follow and is_folder:
            self.inside.append(target)
        self.links.left_out += not self.links.follow
        return self.links.follow


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """
    Return whether *entry* is hidden: by a dot, or by its mark on Windows and macOS.
    """
    if entry.name.startswith("."):
        return True
    if os.name != "nt" and sys.platform != "darwin":
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:  # gone by now
        return False
    hidden = getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_HIDDEN
    return bool(hidden or getattr(status, "st_flags", 0) & stat.UF_HIDDEN)


def _is_link(entry: os.DirEntry[str]) -> bool:
    """
    Return whether *entry* leads elsewhere, as links do, and junctions of Windows, which Python 3.11 calls folders.
    """
    if os.name != "nt" or entry.is_symlink():
        return entry.is_symlink()
    try:
        return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _JUNCTION
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in circles
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """
    Return whether *entry* is a file, or a broken link, which is reported when it is sent.
    """
    try:
        return entry.is_file() or (entry.is_symlink() and not storage.exists(entry.path))
    except OSError:
        return True
