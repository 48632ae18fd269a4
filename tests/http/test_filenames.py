"""
Names of streams: of web forms, of archives, of compressed files, and of files on disks with other encodings.
"""

# ruff: noqa: SIM115  streams that live as long as their test
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

from aikit import OpenAIClient
from aikit.http.filenames import encodable, own_name
from aikit.http.sources import source_of


class _Uploaded:
    """
    As Django's ``UploadedFile``: a wrapper whose name is the file's.
    """

    def __init__(self, file: Any, name: str | None, field_name: str) -> None:
        self.file, self.name, self.field_name = file, name, field_name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class UploadFile:
    """
    As Starlette's: with an asynchronous read.
    """

    def __init__(self, file: Any, filename: str) -> None:
        self.file, self.filename = file, filename

    async def read(self, size: int = -1) -> bytes:
        """
        Return bytes, later.
        """
        content: bytes = self.file.read(size)
        return content


def _form(filename: str | None) -> FileStorage:
    return FileStorage(io.BytesIO(b"x"), filename, name="field")


def _packed(module: Any, name: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        (folder / name).write_bytes(module.compress(b"x"))
        return module.open(folder / name)

    return make


def _member(name: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
            archive.writestr(name, b"x")
        return zipfile.ZipFile(folder / "archive.zip").open(name)

    return make


def _on_disk(folder: Path, name: str) -> str:
    (folder / name).write_bytes(b"x")
    return str(folder / name)


_NAMED: list[tuple[str, Callable[[Path], Any]]] = [
    ("report.pdf", lambda _: _form("report.pdf")),
    ("report.pdf", lambda _: _form("C:\\fakepath\\report.pdf")),
    ("passwd", lambda _: _form("../../etc/passwd")),
    ("report.pdf", lambda _: _Uploaded(io.BytesIO(b"x"), "report.pdf", "field")),
    ("data.txt", _packed(gzip, "data.txt.gz")),
    ("data.txt", _packed(bz2, "data.txt.bz2")),
    ("data.txt", _packed(lzma, "data.txt.xz")),
    ("data.txt", _packed(gzip, "data.txt.GZ")),
    ("data.tar", _packed(gzip, "data.tgz")),
    ("data.svg", _packed(gzip, "data.svgz")),
    ("data.txt", _packed(gzip, "data.txt")),
    ("data.txt", lambda folder: io.BufferedReader(_packed(gzip, "data.txt.gz")(folder))),
    ("data.txt", lambda _: gzip.open(FileStorage(io.BytesIO(gzip.compress(b"x")), "data.txt.gz", name="field"))),
    ("data.txt.gz", lambda folder: Path(_on_disk(folder, "data.txt.gz")).open("rb")),
    ("report.pdf", lambda folder: io.FileIO(Path(_on_disk(folder, "report.pdf")))),
    ("notes.txt", lambda folder: open(os.fsencode(_on_disk(folder, "notes.txt")), "rb")),  # noqa: PTH123
    ("grüße.txt", lambda folder: open(os.fsencode(_on_disk(folder, "grüße.txt")), "rb")),  # noqa: PTH123
    ("notes.txt", _member("folder/notes.txt")),
    ("notes.txt", _member("folder\\notes.txt")),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("name", "make"), _NAMED)
def test_stream_is_named_as_its_content(name: str, make: Callable[[Path], Any], tmp_path: Path) -> None:
    """
    The name is what the content is called: not the form's field, not the packed file, not the folder.
    """
    assert own_name(make(tmp_path)) == name


@pytest.mark.parametrize(
    "make",
    [
        tempfile.TemporaryFile,
        tempfile.SpooledTemporaryFile,
        lambda: os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb"),
        lambda: gzip.open(io.BytesIO(gzip.compress(b"x"))),
        lambda: _form(None),
        lambda: _form(""),
        lambda: _Uploaded(io.BytesIO(b"x"), None, "field"),
    ],
)
def test_stream_without_a_name_asks_for_one(make: Callable[[], Any]) -> None:
    """
    Numbers of descriptors and fields of forms are no names.
    """
    with closing(make()) as stream:
        assert own_name(stream) is None
        with pytest.raises(ValueError, match="pass filename"):
            source_of(stream, purpose="user_data")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_member_of_a_tar_is_not_called_as_its_archive(mode: Any, tmp_path: Path) -> None:
    """
    Pythons that know a member's name give it; the others ask for one.
    """
    with tarfile.open(tmp_path / "all.tar", mode) as archive:
        member = tarfile.TarInfo("folder/notes.txt")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    with tarfile.open(tmp_path / "all.tar") as archive, archive.extractfile("folder/notes.txt") as stream:  # type: ignore[union-attr]  # it is there
        assert own_name(stream) in {None, "notes.txt"}


def test_asynchronous_streams_are_refused_and_say_what_to_pass(tmp_path: Path) -> None:
    """
    An UploadFile of Starlette and FastAPI has the plain stream in it.
    """
    upload = UploadFile(io.BytesIO(b"x"), "notes.txt")
    with OpenAIClient(provider="local", home=tmp_path) as client:
        with pytest.raises(TypeError, match=r"UploadFile; pass .* upload\.file, and filename=upload\.filename"):
            client.files.create(upload, "user_data")  # type: ignore[arg-type]  # that is the test
        assert client.files.create(upload.file, "user_data", {"filename": upload.filename}).success


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("gr\udcc3\udcbc\udcc3\udc9fe.txt", "grüße.txt"),
        ("\udce6\udc97\udca5.txt", "日.txt"),
        ("\udcc3\udcbc\udcff.txt", "ü?.txt"),
        ("grüße\ud800", "grüße?"),
    ],
)
def test_letters_that_python_took_for_none_are_restored(name: str, sent: str) -> None:
    """
    Escaped bytes that are UTF-8 are letters again, and the others question marks.
    """
    assert encodable(name) == sent


@pytest.mark.skipif(sys.platform == "win32", reason="file names are UTF-16 there")
@pytest.mark.slow
def test_names_keep_their_letters_under_an_ascii_locale(tmp_path: Path) -> None:
    """
    Containers often have no locale: names of paths, of streams, of bytes and of arguments are sent as they are.
    """
    _on_disk(tmp_path, "grüße.txt")
    program = """
import sys
from aikit.http.sources import source_of
path = sys.argv[1]
with open(path, "rb") as stream, open(path.encode("ascii", "surrogateescape"), "rb") as other:
    sources = source_of(path), source_of(stream), source_of(other), source_of(b"x", filename=path.rpartition("/")[2])
    assert all(one.name.encode() == "gr\\xfc\\xdfe.txt".encode() for one in sources), sources
print(sys.getfilesystemencoding())
"""
    said = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program, os.fsencode(tmp_path / "grüße.txt")],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert said.stdout.strip() in {b"ascii", b"utf-8"}
