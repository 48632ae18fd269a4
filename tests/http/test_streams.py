"""
Streams of the caller's: those that cannot be measured, and those that two calls would read at once.
"""

# ruff: noqa: SIM115  streams that live as long as their test
from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import mmap
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, jsonl
from aikit.http.sources import release, source_of
from aikit.http.streams import StreamSource
from aikit.types.errors import OpenAIError, Rejected

_BODY = b'"body": {"model": "m", "messages": [{"role": "user", "content": "x"}]}'
_LINE = b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", ' + _BODY + b"}\n"


class _OddError(Exception):
    pass


class _Fails(io.BytesIO):
    """
    A stream of which one method raises what it is told.
    """

    def __init__(self, method: str, error: Exception) -> None:
        super().__init__(_LINE)

        def fail(*_: Any) -> Any:
            raise error

        setattr(self, method, fail)


class _Returns(_Fails):
    """
    A stream of which one method returns nonsense.
    """

    def __init__(self, method: str, value: Any) -> None:
        super().__init__(method, OSError())
        setattr(self, method, lambda *_: value)


class _Lost(io.BytesIO):
    """
    A stream that goes to its end and not back.
    """

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == 0:
            raise OSError("there is no way back")
        return super().seek(offset, whence)


def _detached() -> Any:
    buffered = io.BufferedReader(io.FileIO(os.open(os.devnull, os.O_RDONLY)))
    buffered.detach().close()
    return buffered


def _cut(module: Any) -> Any:
    return module.open(io.BytesIO(module.compress(os.urandom(5_000))[:-100]))


def _bad_gzip() -> Any:
    packed = bytearray(gzip.compress(os.urandom(5_000)))
    packed[-6] ^= 1  # of the checksum
    return gzip.open(io.BytesIO(bytes(packed)))


def _bad_member() -> Any:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jsonl", _LINE * 100)
    content = bytearray(packed.getvalue())
    content[200] ^= 1
    return zipfile.ZipFile(io.BytesIO(bytes(content))).open("a.jsonl")


_UNMEASURABLE: dict[str, Callable[[], Any]] = {
    "cut gzip": lambda: _cut(gzip),
    "cut bz2": lambda: _cut(bz2),
    "cut xz": lambda: _cut(lzma),
    "damaged xz": lambda: lzma.open(io.BytesIO(b"\xfd7zXZ\0" + b"x" * 50)),
    "gzip with another checksum": _bad_gzip,
    "damaged zip member": _bad_member,
    "detached buffer": _detached,
    "value error of seekable": lambda: _Fails("seekable", ValueError("I/O operation on closed file.")),
    "own error of tell": lambda: _Fails("tell", _OddError()),
    "own error of seek": lambda: _Fails("seek", _OddError("odd")),
    "own error of read": lambda: _Fails("read", _OddError("odd")),
    "missing at reading": lambda: _Fails("seek", _OddError("gone")),
    "position that is no number": lambda: _Returns("tell", "3"),
    "read of numbers": lambda: _Returns("read", 7),
    "no way back": lambda: _Lost(_LINE),
}


@pytest.fixture(params=_UNMEASURABLE)
def unmeasurable(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """
    Return what makes a stream that raises when it is measured.
    """
    return _UNMEASURABLE[request.param]


@pytest.fixture
def client(tmp_path: Path) -> Any:
    """
    Return a client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        yield client


def test_stream_that_cannot_be_measured_is_an_error_of_the_result(
    unmeasurable: Callable[[], Any], client: OpenAIClient
) -> None:
    """
    Whatever a stream raises is told as an unreadable file, with or without a name, where a source is taken.
    """
    upload = client.uploads.create("a.jsonl", "batch", 5_000).throw().upload
    assert upload is not None
    for result in (
        client.files.create(unmeasurable(), "user_data"),
        client.files.create(unmeasurable(), "batch", {"filename": "a.jsonl"}),
        client.files.create_many([unmeasurable()], "batch"),
        client.uploads.add_part(upload.id, unmeasurable()),
        client.batches.estimate(unmeasurable()),
    ):
        assert [error.code for error in result.errors] == ["unreadable_file"], result


def test_check_and_split_say_so_as_well(unmeasurable: Callable[[], Any], tmp_path: Path) -> None:
    """
    Outside of calls it is a problem in the list, or the error that splitting raises for all problems.
    """
    assert [error.code for error in jsonl.check(unmeasurable())] == ["unreadable_file"]
    with pytest.raises(Rejected) as caught:
        jsonl.split(unmeasurable(), tmp_path)
    assert [error.code for error in caught.value.errors] == ["unreadable_file"]


def test_error_without_words_is_named_by_its_type() -> None:
    """
    An exception without a text still says something.
    """
    with pytest.raises(OpenAIError, match="cannot be read: _OddError"):
        source_of(_Fails("seek", _OddError())).resolved()


def _tar_members() -> tuple[Any, Any]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("a", "b"):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
    archive = tarfile.open(fileobj=io.BytesIO(packed.getvalue()))
    return archive.extractfile("a"), archive.extractfile("b")


def _of_one_descriptor() -> tuple[Any, Any]:
    first = Path(__file__).open("rb")
    return first, open(first.fileno(), "rb", closefd=False)


def _of_one_raw() -> tuple[Any, Any]:
    raw = io.FileIO(__file__)
    return io.BufferedReader(raw), io.BufferedReader(raw)


def _unpacked_twice() -> tuple[Any, Any]:
    raw = io.BytesIO(gzip.compress(b"x"))
    return gzip.open(raw), gzip.open(raw)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("pair", [_tar_members, _of_one_descriptor, _of_one_raw, _unpacked_twice])
def test_wrappers_of_one_stream_are_one(pair: Callable[[], tuple[Any, Any]]) -> None:
    """
    What shares a position is one stream, however it is wrapped.
    """
    first, second = pair()
    held = source_of(first, filename="a")
    with pytest.raises(ValueError, match="another call is reading"):
        source_of(second, filename="a")
    release(held)
    release(source_of(second, filename="a"))


def test_streams_apart_do_not_meet(tmp_path: Path) -> None:
    """
    Members of a zip archive have a lock of their own, and a file that is opened twice has two positions.
    """
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"x")
        archive.writestr("b", b"y")
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        archive.open("a") as a,
        archive.open("b") as b,
        (tmp_path / "a.zip").open("rb") as c,
        (tmp_path / "a.zip").open("rb") as d,
    ):
        assert len([source_of(one, filename="a") for one in (a, b, c, d)]) == 4


def test_hold_ends_with_what_refers_to_it() -> None:
    """
    A source that is dropped, or that never came about, holds nothing.
    """
    stream = io.BytesIO(b"abc")
    with pytest.raises(ValueError, match="pass filename") as kept:
        source_of(stream)
    source_of(stream, filename="a")
    gc.collect()
    assert isinstance(source_of(stream, filename="a"), StreamSource)
    assert kept.value.args


def test_number_of_a_closed_file_is_free_for_another(tmp_path: Path) -> None:
    """
    A descriptor that was closed under a call is not taken for that file any more.
    """
    (tmp_path / "a").write_bytes(b"x")
    first = io.FileIO(tmp_path / "a")
    held, number = source_of(first), first.fileno()
    first.close()
    with io.FileIO(tmp_path / "a") as second:
        assert second.fileno() == number
        assert source_of(second).size_bytes == 1
    release(held)


class _Waits(io.BytesIO):
    """
    A stream whose reading, once it is measured, waits for an event.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.is_read, self.may_go_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        if size != 16:
            self.is_read.set()
            assert self.may_go_on.wait(10)
        return super().read(size)


def test_second_call_with_a_stream_is_refused_until_the_first_is_over(client: OpenAIClient) -> None:
    """
    Two calls would each get a part of it: the second raises at once, everywhere, and works when the first is over.
    """
    stream = _Waits(_LINE)
    again: list[bool] = []

    def create_again(_: Any) -> None:
        stream.seek(0)
        again.append(client.files.create(stream, "batch").success)

    first = client.files.create(stream, "batch", {"on_terminate": create_again})
    assert stream.is_read.wait(10)
    for call in (
        lambda: client.files.create(stream, "batch"),
        lambda: client.uploads.add_part("upload_1", stream),
        lambda: client.batches.estimate(stream),
        lambda: jsonl.check(stream),
    ):
        with pytest.raises(ValueError, match="another call is reading; wait until that has terminated"):
            call()
    many = client.files.create_many([stream, b"{}"], "batch", {"validate": False})
    assert [item.status for item in many.items] == ["failed", "uploaded"]
    assert many.errors[0].code == "invalid_file"
    stream.may_go_on.set()
    assert first.wait(10)
    assert (first.success, again) == (True, [True])
    stream.seek(0)
    assert client.files.create(stream, "batch").success


@pytest.mark.parametrize("options", [{"provider": "nowhere"}, {"http_agent": 5}, {"timeout": -1}], ids=str)
def test_call_that_is_refused_holds_nothing(options: dict[str, Any], client: OpenAIClient) -> None:
    """
    A call that raises gives the stream back, also while its exception is kept.
    """
    stream = io.BytesIO(_LINE)
    with pytest.raises((TypeError, ValueError)) as kept:
        client.files.create(stream, "batch", **options)
    assert client.files.create(stream, "batch").success
    assert kept.value.args


@pytest.mark.parametrize("count", [1, 1_000])
def test_file_mapped_into_memory_goes_as_bytes(count: int, client: OpenAIClient, tmp_path: Path) -> None:
    """
    All of it is sent, from wherever it stands, in two calls at once, and it can be closed while results are kept.
    """
    (tmp_path / "a").write_bytes(b"".join(_LINE.replace(b'"1"', b'"%d"' % number) for number in range(count)))
    with (tmp_path / "a").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.seek(5)
        results = [client.files.create(mapped, "batch", {"filename": "a.jsonl", "background": True}) for _ in range(2)]
        for result in results:
            result.wait()
            assert result.file is not None
            assert client.files.content(result.file.id).content == mapped[:]
        source = source_of(mapped, filename="a")
    with pytest.raises(OpenAIError, match="closed") as caught:
        source.open().read(1)
    assert caught.value.code == "unreadable_file"
    with pytest.raises(ValueError, match="closed map; leave it open"):
        source_of(mapped, filename="a")
