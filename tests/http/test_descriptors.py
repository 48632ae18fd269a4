"""
Names of open files: told from places on a disk, by whatever way they are named.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aikit.http.descriptors import descriptor_of, names_open_file

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")


@pytest.mark.parametrize(
    ("path", "descriptor"),
    [
        ("/dev/stdout", 1),
        ("/dev/stderr", 2),
        ("/dev/fd/7", 7),
        ("/dev/../dev//fd/7", 7),
        ("/proc/self/fd/7", 7),
        pytest.param(f"/proc/{os.getpid()}/fd/7", 7, id="this process"),
        pytest.param(f"/proc/{os.getppid()}/fd/7", None, id="another process"),
        ("/proc/self/exe", None),
        ("/proc/self/fd/x", None),
        ("link", 1),
        ("folder/stdout", 1),
    ],
)
def test_descriptor_is_told_by_its_names(
    path: str, descriptor: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Links are followed to the folder of open files; a file of another process is one too, but not ours.
    """
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("/dev/stdout")
    Path("folder").symlink_to("/dev")
    assert (names_open_file(path), descriptor_of(path)) == (True, descriptor)


@pytest.mark.parametrize("path", ["a", "missing/a", "/dev/null", "/dev/fd", "loop", "a/../b", ".", "/", "x" * 5000])
def test_places_on_a_disk_name_no_open_file(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file, a folder, a device, and what cannot be a file are none.
    """
    monkeypatch.chdir(tmp_path)
    Path("a").touch()
    Path("loop").symlink_to("loop")
    assert (names_open_file(path), descriptor_of(path)) == (False, None)
