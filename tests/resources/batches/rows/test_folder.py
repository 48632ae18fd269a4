"""
The temporary folder: private, and gone in time.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aikit.resources.batches.rows.folder import Folder
from aikit.types.errors import OpenAIError


def test_folder_is_private() -> None:
    """
    What a batch asked and was answered is nobody else's to read.
    """
    folder = Folder()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.close()
    folder.close()
    assert not folder.path.exists()


def test_folder_goes_at_the_end_of_the_program() -> None:
    """
    Also when it was never closed.
    """
    program = (
        "from aikit.resources.batches.rows.folder import Folder\n"
        "folder = Folder()\n"
        "print(folder.path, folder.path.exists())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    path, existed = done.stdout.split()
    assert (existed, Path(path).exists()) == ("True", False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_leaves_it_to_its_parent() -> None:
    """
    A forked process that ends, or lets go of it, removes nothing.
    """
    program = (
        "import os\nfrom aikit.resources.batches.rows.folder import Folder\nfolder = Folder()\n"
        "child = os.fork()\nif child == 0:\n    del folder\n    raise SystemExit\n"
        "os.waitpid(child, 0)\nprint(folder.path.exists())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_no_room_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The folder of temporary files may be missing, full or closed.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OpenAIError, match="set TMPDIR to a folder with room") as caught:
        Folder()
    assert caught.value.code == "temporary_storage"


@pytest.mark.parametrize(
    ("error", "is_room_asked"),
    [
        (OSError(errno.EMFILE, "Too many open files"), False),
        (OSError(errno.ENFILE, "Too many open files in system"), False),
        (sqlite3.OperationalError("unable to open database file"), True),
    ],
)
def test_too_many_open_files_are_no_full_disk(error: Exception, *, is_room_asked: bool) -> None:
    """
    Where SQLite does not say which of both it was, both are told.
    """
    folder = Folder()
    with pytest.raises(OpenAIError, match="raise the limit of open files") as caught, folder.reading():
        raise error
    assert ("free some space" in caught.value.message) == is_room_asked


def test_what_is_closed_is_not_read() -> None:
    """
    Whoever is late is told so.
    """
    folder = Folder()
    folder.close()
    with pytest.raises(ValueError, match="closed"), folder.reading():
        pass
