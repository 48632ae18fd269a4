"""
Sources: every kind of file, stream and bytes, and every way in which one is not what it should be.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIClient
from aikit.http.sources import BytesSource, PathSource, Source, source_of
from aikit.http.streams import StreamSource
from aikit.types.errors import OpenAIError

_SIZES = st.integers(1, 9)
_JPEG: Final = b"\xff\xd8\xff\xe0 and so on"


def _read(source: Source, size: int = 4) -> bytes:
    reader = source.open()
    try:
        return b"".join(iter(lambda: reader.read(size), b""))
    finally:
        reader.close()


class _Pipe(io.RawIOBase):
    """
    A stream that cannot go back and gives what its script says: bytes, ``None``, or an exception.
    """

    def __init__(self, *script: Any) -> None:
        self.script = list(script)

    def readable(self) -> bool:
        return True

    def read(self, _size: int = -1) -> Any:
        step = self.script.pop(0) if self.script else b""
        if isinstance(step, Exception):
            raise step
        return step


@given(st.binary(max_size=40), _SIZES)
def test_bytes_are_read_as_they_are(content: bytes, size: int) -> None:
    """
    Bytes, bytearrays and views of them are the same source, again and again.
    """
    for file in (content, bytearray(content), memoryview(content)):
        source = source_of(file, filename="a.bin").resolved()
        assert (source.size_bytes, source.is_replayable, source.name) == (len(content), True, "a.bin")
        assert [_read(source, size), _read(source, size)] == [content, content]


def test_large_bytes_are_not_copied() -> None:
    """
    Bytes beyond a small size are handed out slice by slice.
    """
    content = os.urandom(100_000)
    assert _read(source_of(content, filename="a.bin"), 7_000) == content


def test_views_of_other_items_are_taken_as_bytes() -> None:
    """
    A view of integers counts in bytes; an empty one of two dimensions is empty; one with gaps is refused.
    """
    view = memoryview(bytearray(8)).cast("I")
    assert source_of(view, filename="a").size_bytes == 8
    assert source_of(memoryview(b"")[:0], filename="a").size_bytes == 0
    with pytest.raises(TypeError, match="gaps"):
        source_of(memoryview(b"abcdef")[::2], filename="a")


@given(st.binary(max_size=40), st.integers(0, 45), _SIZES)
def test_stream_is_read_from_where_it_stands(content: bytes, start: int, size: int) -> None:
    """
    A stream that can go back is sent from its position to its end, at every attempt.
    """
    stream = io.BytesIO(content)
    stream.seek(start)
    source = source_of(stream, filename="a.bin")
    assert stream.tell() == start
    assert (source.size_bytes, source.is_replayable) == (len(content[start:]), True)
    assert [_read(source, size), _read(source, size)] == [content[start:], content[start:]]
    assert not stream.closed


@given(st.lists(st.binary(min_size=1, max_size=5)), _SIZES)
def test_stream_that_cannot_go_back_is_read_once(pieces: list[bytes], size: int) -> None:
    """
    A pipe has no known size, may give less than asked for, and cannot be replayed.
    """
    source = source_of(_Pipe(*pieces), filename="a.bin")
    assert (source.size_bytes, source.is_replayable) == (None, False)
    assert _read(source, size) == b"".join(pieces)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (ValueError("I/O operation on closed file"), "closed file"),
        (EOFError("ended before the end-of-stream marker"), "ended before"),
        (RuntimeError("odd"), "odd"),
        (None, "nothing to read yet"),
        ("text", "gave str, not bytes"),
        (5, "gave int, not bytes"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("can_go_back", [True, False])
def test_stream_that_fails_is_a_clear_error(step: Any, said: str, can_go_back: bool) -> None:  # noqa: FBT001  a column
    """
    Whatever a caller's stream raises or gives, it is the stream that is said to be unreadable.
    """
    source = StreamSource(stream=_Pipe(b"abc", step), name="a.bin", size_bytes=9 if can_go_back else None, start=None)
    with pytest.raises(OpenAIError, match=said) as caught:
        _read(source)
    assert (caught.value.code, caught.value.param) == ("unreadable_file", "file")


@pytest.mark.parametrize("pieces", [(b"abc",), (b"abc", b"defghi"), (b"abcdef",)], ids=len)
def test_stream_with_another_size_than_promised_is_changed(pieces: tuple[bytes, ...]) -> None:
    """
    A stream that ends early, goes on, or gives more than asked for is never sent as if it were whole.
    """
    with pytest.raises(OpenAIError) as caught:
        _read(StreamSource(stream=_Pipe(*pieces), name="a", size_bytes=5, start=None))
    assert caught.value.code == "file_changed"


def test_stream_that_grows_while_it_is_sent_is_changed() -> None:
    """
    Bytes that are appended meanwhile are noticed before the last chunk leaves.
    """
    stream = io.BytesIO(b"abcd")
    reader = source_of(stream, filename="a").open()
    assert reader.read(2) == b"ab"
    stream.getbuffer().release()
    stream.seek(0, os.SEEK_END)
    stream.write(b"more")
    stream.seek(2)
    with pytest.raises(OpenAIError, match="was changed while it was sent"):
        reader.read(2)


def test_stream_closed_before_it_is_sent_is_unreadable() -> None:
    """
    A stream that was open at the call and is closed at the attempt is an error of the result.
    """
    stream = io.BytesIO(b"abc")
    source = source_of(stream, filename="a")
    stream.close()
    with pytest.raises(OpenAIError, match="closed file") as caught:
        source.open()
    assert caught.value.code == "unreadable_file"


def test_truncated_archive_is_a_clear_error(tmp_path: Path) -> None:
    """
    Decompressing streams are streams; one that ends early says so.
    """
    packed = gzip.compress(os.urandom(5000))
    (tmp_path / "a.gz").write_bytes(packed[:-100])
    with gzip.open(tmp_path / "a.gz") as stream, pytest.raises(OpenAIError, match=r"ended before"):
        _read(StreamSource(stream=stream, name="a", size_bytes=None, start=None))


@pytest.mark.parametrize("file", [5, None, 3.5, ["a"], {"a": 1}, object()], ids=lambda file: type(file).__name__)
def test_what_is_no_file_is_refused_by_the_call(file: Any) -> None:
    """
    Anything but a path, bytes or a stream is a TypeError that names its type.
    """
    with pytest.raises(TypeError, match=f"not {type(file).__name__}"):
        source_of(file)


def test_text_streams_are_refused_by_the_call(tmp_path: Path) -> None:
    """
    A stream of text is refused, whatever it is made of, with the way to open it.
    """
    path = tmp_path / "a.txt"
    path.write_text("text")
    with path.open() as text, codecs.open(str(path), encoding="utf-8") as old:
        for stream in (text, old, io.StringIO("text")):
            with pytest.raises(TypeError, match='"rb"'):
                source_of(stream, filename="a.txt")


def test_closed_stream_is_refused_by_the_call() -> None:
    """
    A stream that is closed already is a ValueError that says what to do.
    """
    stream = io.BytesIO(b"abc")
    stream.close()
    with pytest.raises(ValueError, match="closed stream; open it"):
        source_of(stream)


def test_stream_for_writing_is_unreadable(tmp_path: Path) -> None:
    """
    A file opened for writing only is an error of the result, not a crash.
    """
    with (tmp_path / "a.txt").open("wb") as stream, pytest.raises(OpenAIError) as caught:
        _read(source_of(stream))
    assert caught.value.code == "unreadable_file"


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda folder: folder / "missing.txt", "file_not_found", "does not exist; check the path"),
        (lambda folder: folder / "missing" / "a.txt", "file_not_found", "does not exist"),
        (lambda _: "file-abc", "file_not_found", "does not exist; it looks like the id of a file"),
        (lambda _: "~/a.txt", "file_not_found", "check the path: ~ stands for itself$"),
        (lambda folder: folder / "*.txt", "file_not_found", r"check the path: \* stands for itself$"),
        (lambda _: "Dear all,\nsee below.", "file_not_found", "if it is a text and no path, pass it as bytes$"),
        (lambda _: '{"custom_id": 1}', "file_not_found", "if it is a text and no path, pass it as bytes$"),
        (
            lambda _: "Dear all, " * 500,
            "unreadable_file",
            "^(Dear all, ){50}… .* too long; if it is a text ",
        ),
        (lambda folder: folder, "is_a_directory", "is a folder; give the path of a file"),
        (lambda folder: str(folder) + "/.", "is_a_directory", "is a folder"),
        (lambda folder: folder / ("x" * 300), "unreadable_file", "File name too long"),
        (lambda folder: folder / "file" / "a.txt", "unreadable_file", "Not a directory"),
        (lambda folder: folder / "loop", "unreadable_file", "symbolic links"),
        (lambda _: Path(os.devnull), "not_a_regular_file", "open it and pass the stream"),
    ],
)
def test_path_that_is_no_file_is_an_error_of_the_result(
    make: Callable[[Path], Any], code: str, said: str, tmp_path: Path
) -> None:
    """
    A path is not touched by the call; what is wrong with it is found when it is resolved.
    """
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    source = source_of(make(tmp_path), filename="a.txt")
    with pytest.raises(OpenAIError, match=said) as caught:
        source.resolved()
    assert (caught.value.code, caught.value.param) == (code, "file")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose reading fails")
def test_disk_that_fails_while_reading_is_an_unreadable_file() -> None:
    """
    An error of the disk in the middle of a file is not mistaken for one of the network.
    """
    with pytest.raises(OpenAIError, match="cannot be read: Input/output error") as caught:
        _read(PathSource(path=Path("/proc/self/mem"), name="a"))
    assert caught.value.code == "unreadable_file"


@pytest.mark.skipif(sys.platform == "win32", reason="needs users as POSIX has them")
def test_file_that_may_not_be_read_is_an_error_of_the_result() -> None:
    """
    A file without permission is found when it is opened; who may read everything gives that up first.
    """
    program = """
import os, sys
from pathlib import Path
from aikit.types.errors import OpenAIError
from aikit.http.sources import source_of
Path(sys.argv[1]).chmod(0)
if os.getuid() == 0:
    os.setuid(65534)
try:
    source_of(sys.argv[1]).resolved().open()
except OpenAIError as error:
    print(error.code, error)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "secret.txt"
        path.write_bytes(b"x")
        root = str(Path(__file__).parents[2])
        said = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": root},
        ).stdout
    assert said == f"unreadable_file {path} cannot be read: Permission denied\n"


@given(st.binary(max_size=30), _SIZES)
def test_file_is_read_as_it_is(content: bytes, size: int) -> None:
    """
    A file on disk has its exact size and is read the same at every attempt.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.bin"
        path.write_bytes(content)
        source = source_of(path).resolved()
        assert (source.size_bytes, source.is_replayable, source.name) == (len(content), True, "a.bin")
        assert [_read(source, size), _read(source, size)] == [content, content]


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written anew", "is emptied"])
@pytest.mark.parametrize("when", ["before it is opened", "while it is read"])
def test_file_that_is_changed_is_never_sent_as_if_whole(change: str, when: str, tmp_path: Path) -> None:
    """
    A file that is not what it was when the call began ends with an error instead of a short or mixed upload.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 10)
    os.utime(path, ns=(1, 1))
    source = source_of(path).resolved()
    reader = source.open() if when == "while it is read" else None
    if reader is not None:
        assert reader.read(4) == b"aaaa"
    path.write_bytes({"grows": b"a" * 11, "shrinks": b"a" * 6, "is written anew": b"b" * 10, "is emptied": b""}[change])
    with pytest.raises(OpenAIError, match="was changed while it was sent") as caught:
        _ = _read(source) if reader is None else [reader.read(4) for _ in range(4)]
    assert caught.value.code == "file_changed"
    if reader is not None:
        reader.close()


@pytest.mark.parametrize("path", ["", "a\0b", b"a.txt"])
def test_path_that_cannot_be_one_is_refused_by_the_call(path: Any) -> None:
    """
    Empty paths, NUL, and paths of bytes are the caller's fault.
    """

    class _AsPath:
        def __fspath__(self) -> Any:
            return path

    with pytest.raises((TypeError, ValueError), match="path"):
        source_of(_AsPath())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("folder/../a.txt", "a.txt"),
        ('a "b".txt', 'a "b".txt'),
        ("a\nb.txt", "a\nb.txt"),
        ("grüße 日本.txt", "grüße 日本.txt"),
        ("x" * 300, "x" * 300),
        ("a\udcff.txt", "a?.txt"),
        ("~/a.txt", "a.txt"),
        (".env", ".env"),
    ],
)
def test_name_of_a_path_is_its_last_part(path: str, name: str) -> None:
    """
    Folders are never sent; a name that is no UTF-8 on disk is made sendable.
    """
    assert source_of(path).name == name
    stream = io.BytesIO(b"x")
    stream.name = path
    assert source_of(stream).name == name


@pytest.mark.parametrize(
    "filename", ["../a.txt", "a/b", "a\\b", ".", "..", "a\0b", "a\nb", "a\r", "a\tb", "\x7f", "a\ud800", ""]
)
def test_filename_that_is_no_plain_name_is_refused(filename: str) -> None:
    """
    The name a caller passes has no folders, no control characters, and can be sent.
    """
    with pytest.raises(ValueError, match="no plain name"):
        source_of(b"abc", filename=filename)


def test_filename_must_be_a_string() -> None:
    """
    A name of another type is a TypeError.
    """
    with pytest.raises(TypeError, match="filename must be a string, not bytes"):
        source_of(b"abc", filename=b"a.txt")  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize(
    ("content", "purpose", "name"),
    [
        (b"%PDF-1.7", "user_data", "file.pdf"),
        (b"\x89PNG\r\n\x1a\n", "vision", "file.png"),
        (_JPEG, "vision", "file.jpg"),
        (b"GIF87a", "vision", "file.gif"),
        (b"GIF89a", "vision", "file.gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "vision", "file.webp"),
        (b"{}", "batch", "file.jsonl"),
        (b"", "fine-tune", "file.jsonl"),
        (b"%PDF-1.7", "evals", "file.jsonl"),
    ],
)
def test_bytes_without_a_name_get_one_that_fits(content: bytes, purpose: str, name: str) -> None:
    """
    JSONL purposes name it, or else the first bytes do; bytes and streams alike.
    """
    for file in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        assert source_of(file, purpose=purpose).name == name


@pytest.mark.parametrize("file", [b"text", b"", io.BytesIO(b"RIFF1234CDXA"), _Pipe(b"%PDF-"), memoryview(b"GIF88a")])
def test_bytes_that_do_not_show_their_type_need_a_name(file: Any) -> None:
    """
    Without a name there is none to send, and the message says what to pass.
    """
    with pytest.raises(ValueError, match="pass filename"):
        source_of(file, purpose="user_data")


@pytest.mark.parametrize("name", [7, b"", "<stdin>", b"<stdin>", None, "", ".."])
def test_odd_names_of_streams_are_none(name: Any) -> None:
    """
    A descriptor, a folder, or ``<stdin>`` is no name to send.
    """
    stream = io.BytesIO(_JPEG)
    stream.name = name
    assert source_of(stream).name == "file.jpg"


@pytest.mark.parametrize("broken", ["seekable", "tell", "seek", "read"])
def test_stream_that_only_pretends_to_go_back_is_read_once(broken: str) -> None:
    """
    A stream that fails when it is measured is treated as one that cannot go back.
    """

    class _Half(io.BytesIO):
        pass

    def fail(*_: Any) -> Any:
        raise io.UnsupportedOperation("not here")

    stream = _Half(b"abc")
    setattr(stream, broken, fail)
    source = source_of(stream, filename="a")
    assert (source.size_bytes, source.is_replayable) == (None, False)


def test_sources_do_not_show_their_content() -> None:
    """
    Content may be private: ``repr`` tells name and size at most.
    """
    shown = repr([source_of(b"private", filename="a"), source_of(io.BytesIO(b"private"), filename="a")])
    assert "private" not in shown
    assert attrs.has(BytesSource)


@pytest.mark.parametrize("path", ["/proc/version", "/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_file_of_the_kernel_goes_as_what_it_has(path: str) -> None:
    """
    Sizes that such files tell (0, or a page) are not theirs: they are neither empty nor changed.
    """
    if not Path(path).exists():
        pytest.skip(f"no {path} here")
    source = source_of(path, filename="a.txt").resolved()
    reader = source.open()
    content = b"".join(iter(lambda: reader.read(1000), b""))
    assert source.size_bytes == len(content)
    assert len(content) > 5
    assert source.name == "a.txt"


def test_empty_and_sparse_files_stay_files(tmp_path: Path) -> None:
    """
    A file without blocks on the disk has the size that it tells.
    """
    for size in (0, 4096, 300_000):
        path = tmp_path / f"{size}.bin"
        path.touch()
        os.truncate(path, size)
        source = source_of(path).resolved()
        assert (type(source), source.size_bytes) == (PathSource, size)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a file of the kernel without an end")
def test_file_of_the_kernel_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What tells no size is read up to a bound.
    """
    monkeypatch.setattr("aikit.http.sources._KERNEL_MAX", 10)
    with pytest.raises(OpenAIError, match="copy it to a file first"):
        source_of("/proc/version").resolved()


@pytest.mark.parametrize(("name", "says"), [("file-abc", "the id of a file"), ("batch_67a1", "the id of a batch")])
def test_id_in_place_of_a_path_is_told_as_such(name: str, says: str) -> None:
    """
    What is not there and looks like an id is told with what belongs there.
    """
    with OpenAIClient(provider="local") as client:
        for result in (client.files.create(name, "batch"), client.batches.run(name, None)):
            (error,) = result.errors
            assert error.code == "file_not_found"
            assert error.message.endswith(f"{name} does not exist; it looks like {says}, and a path belongs here")
