"""
Walking: all files there are, one by one, always in the same order.
"""

from __future__ import annotations

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from aikit.storage.walk import Links, is_named, require_paths, walk, walk_sizes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    A folder with files and folders of all kinds.
    """
    top = tmp_path / "top"
    for name in ("b.txt", "a/z.txt", "a/deep/er/x.txt", "c.txt", ".hidden", ".git/config", "a/.ds"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return top


def found(paths: object, *, recursive: bool = True) -> list[str | None]:
    """
    Return the paths found, and the codes of errors.
    """
    return [one.error.code if one.error else one.path for one in walk(paths, recursive=recursive)]


def test_folders_are_walked_sorted_by_name(folder: Path) -> None:
    """
    Folders and files in one order; hidden ones are left out.
    """
    names = ("a/deep/er/x.txt", "a/z.txt", "b.txt", "c.txt")
    assert found(folder) == [str(folder / name) for name in names]
    assert found(folder, recursive=False) == [str(folder / name) for name in ("b.txt", "c.txt")]
    assert sum(walk_sizes(folder, recursive=True)) == sum(map(len, names))


def test_what_is_named_is_never_left_out(folder: Path) -> None:
    """
    A hidden file, one twice, one that is not there: each is given as it was named.
    """
    named = [folder / ".hidden", str(folder / "c.txt"), folder / "c.txt", folder / "none"]
    assert found(named) == [str(one) for one in named]
    assert found(iter(["", 7])) == ["invalid_path", "invalid_path"]
    assert list(walk_sizes(named, recursive=True)) == [7, 5, 5, 0]


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")
def test_links_to_folders_are_not_followed(folder: Path) -> None:
    """
    So no walk goes in circles; links to files are files, and a link to nothing is told when it is sent.
    """
    (folder / "loop").symlink_to(folder)
    (folder / "link.txt").symlink_to(folder / "c.txt")
    (folder / "broken.txt").symlink_to(folder / "none")
    os.mkfifo(folder / "pipe")
    names = ("b.txt", "broken.txt", "c.txt", "link.txt")
    assert found(folder, recursive=False) == [str(folder / name) for name in names]
    assert len(found(folder)) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("named", ["top", "alias"])
def test_links_out_of_a_folder_are_followed_only_when_asked(folder: Path, named: str) -> None:
    """
    Files, folders and chains of links outside are left out and counted, or found, each folder once.
    """
    outside = folder.parent / "topmost"  # begins with the name of the folder
    (outside / "deep").mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    (outside / "deep/back").symlink_to(folder)
    (outside / "deep/round").symlink_to(outside)
    (folder / "one.txt").symlink_to(outside / "secret.txt")
    (folder / "chain.txt").symlink_to("one.txt")
    (folder / "a/all").symlink_to("../../topmost")
    (folder / "gone.txt").symlink_to(outside / "none")
    (folder.parent / "alias").symlink_to(folder)
    strict, free = Links(), Links(follow=True)
    top = folder.parent / named

    assert len(list(walk(top, recursive=True, links=strict))) == 4
    assert strict.left_out == 4
    assert len(list(walk(top, recursive=False, links=strict))) == 2
    assert strict.left_out == 4 + 3
    names = {os.path.relpath(one.path or "", top) for one in walk(top, recursive=True, links=free)}
    assert names >= {"one.txt", "chain.txt", "a/all/secret.txt", "gone.txt", "c.txt"}
    assert (len(names), free.left_out) == (8, 0)


def test_a_folder_without_files_is_a_problem(folder: Path) -> None:
    """
    Of one that was named; those in it may be empty.
    """
    (folder / "a" / "empty").mkdir()
    assert len(found(folder)) == 4
    assert found(folder / "a" / "empty") == found(folder / "a" / "deep", recursive=False) == ["empty_folder"]


def test_a_very_deep_folder_is_walked(tmp_path: Path) -> None:
    """
    No deeper than names can be long, but deeper than calls can be nested is no matter here.
    """
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "x").write_text("x")
    assert found(tmp_path) == [str(deep / "x")]


def test_a_file_may_be_left_out_of_folders(folder: Path) -> None:
    """
    By whichever name it is known; another one of that name elsewhere is found, and what is named itself, too.
    """
    (folder / "a/c.txt").write_text("another")
    names = ("a/c.txt", "a/deep/er/x.txt", "a/z.txt", "b.txt")
    for but in (folder / "c.txt", os.path.relpath(folder / "c.txt")):
        paths = [one.path for one in walk(folder, recursive=True, but=but)]
        assert paths == [str(folder / name) for name in names]
    assert [one.path for one in walk(folder / "c.txt", recursive=True, but=folder / "c.txt")] == [str(folder / "c.txt")]
    assert len(list(walk(folder, recursive=True, but=folder / "none"))) == 5


@pytest.mark.parametrize("content", [b"a", bytearray(b"a"), memoryview(b"a"), BytesIO(b"a"), Path("b.txt")])
@pytest.mark.parametrize("name", ["a.txt", None])
@pytest.mark.parametrize("kind", [(), ("text/plain",), (None,)])
def test_a_tuple_that_may_be_one_file_or_several_is_refused(name: str | None, content: Any, kind: tuple[Any]) -> None:
    """
    Alone it would be a file where one is taken, and several here; in a list it is one, and a list of them is several.
    """
    with pytest.raises(
        TypeError, match=r"^paths is a tuple .* name: \[\(name, content\)\] is one file, a list several$"
    ):
        require_paths((name, content, *kind))
    require_paths([(name, content, *kind)])
    require_paths(((name, content, *kind), "b.txt"))


def test_other_tuples_are_several_files(folder: Path) -> None:
    """
    Of strings, of paths, of contents, with a folder second, of more than three.
    """
    for paths in (("a", "b"), (Path("a"), Path("b")), (b"a", b"b"), ("a", folder), ("a",), (), ("a", "b", b"c")):
        require_paths(paths)
        assert not is_named(paths)
    require_paths(("a", b"b", b"c", b"d"))
    assert len(list(walk(("a", b"b", b"c", b"d"), recursive=True))) == 4


def test_a_mapping_is_no_list_of_paths() -> None:
    """
    Its keys would be taken for paths, and its contents for nothing.
    """
    with pytest.raises(TypeError, match=r"not dict; of names and their contents pass its items\(\)$"):
        require_paths({"a.txt": b"a"})
    require_paths({"a.txt": b"a"}.items())
    assert [one.file for one in walk({"a.txt": b"a"}.items(), recursive=True)] == [("a.txt", b"a")]


def test_the_name_in_a_tuple_is_a_string() -> None:
    """
    What is none is told before anything is sent.
    """
    with pytest.raises(TypeError, match=r"tuple names none; a tuple is \(name, content\)"):
        require_paths([(b"a", b"b")])
