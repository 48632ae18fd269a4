"""
Sinks: a file appears whole or not at all, and goes on only with what fits to what is there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.headers import Headers
from aikit.http.sinks import FileSink
from aikit.types.errors import ExchangeError, OpenAIError
from tests.systems import posix_only

_WHOLE = {"Content-Length": "6", "ETag": '"one"'}


def _headers(**fields: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in fields.items()})


def _broken_off(sink: FileSink, headers: Mapping[str, str] = _WHOLE) -> None:
    """
    Take three of six bytes, as an attempt that breaks does.
    """
    sink.begin(200, Headers(headers))
    sink.write(memoryview(b"abc"))


def _downloaded(path: Path, headers: Mapping[str, str], content: bytes, expected: int | None) -> None:
    with FileSink(path=path) as sink:
        sink.begin(200, Headers(headers))
        sink.write(memoryview(content))
        sink.commit(expected)


def _failing(path: Path, error: type[BaseException] | BaseException) -> None:
    with FileSink(path=path) as sink:
        _broken_off(sink)
        raise error


def _vanishing(folder: Path) -> None:
    with FileSink(path=folder / "a") as sink:
        _broken_off(sink, {})
        next(folder.iterdir()).unlink()
        folder.rmdir()
        sink.commit(3)


def test_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """
    Until the end there is only a hidden part; then only the file.
    """
    path = tmp_path / "a.bin"
    with FileSink(path=path) as sink:
        assert (sink.request_headers(), sink.begin(200, Headers(_WHOLE))) == ({}, 0)
        for piece in (b"ab", b"cdef"):
            sink.write(memoryview(piece))
        (part,) = tmp_path.iterdir()
        assert (part.name.startswith(".a.bin."), part.name.endswith(".part")) == (True, True)
        sink.commit(6)
    assert (list(tmp_path.iterdir()), path.read_bytes(), sink.done) == ([path], b"abcdef", 6)


def test_the_rest_is_asked_for_after_a_break(tmp_path: Path) -> None:
    """
    The next attempt asks for what is missing, if it is still the same, and appends it.
    """
    path = tmp_path / "a.bin"
    with FileSink(path=path) as sink:
        _broken_off(sink)
        assert sink.request_headers() == {"Range": "bytes=3-", "If-Range": '"one"'}
        assert sink.begin(206, _headers(Content_Range="bytes 3-5/6", ETag='"one"')) == 3
        sink.write(memoryview(b"def"))
        sink.commit(None)
    assert path.read_bytes() == b"abcdef"


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_weak_validators_are_not_relied_on(etag: str, tmp_path: Path) -> None:
    """
    Without a strong validator the range is asked for without a condition.
    """
    with FileSink(path=tmp_path / "a") as sink:
        _broken_off(sink, {"Content-Length": "6", "ETag": etag})
        assert sink.request_headers() == {"Range": "bytes=3-"}


def test_server_without_ranges_sends_it_anew(tmp_path: Path) -> None:
    """
    An answer with status 200 starts from the first byte, also when what it sends is shorter.
    """
    path = tmp_path / "a.bin"
    with FileSink(path=path) as sink:
        _broken_off(sink)
        assert sink.begin(200, _headers(Content_Length="2")) == 0
        sink.write(memoryview(b"xy"))
        sink.commit(2)
    assert path.read_bytes() == b"xy"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 2-5/6", "ETag": '"one"'},
        {"Content-Range": "bytes 4-5/6", "ETag": '"one"'},
        {"Content-Range": "bytes 3-6/7", "ETag": '"one"'},
        {"Content-Range": "bytes 3-5/6", "ETag": '"two"'},
        {"Content-Range": "bytes 3-5/6"},
        {"Content-Range": "bytes */6"},
        {"Content-Range": "items 3-5/6"},
        {"Content-Range": "bytes 3-5"},
        {"Content-Range": ""},
        {"Content-Range": "bytes \u0663-5/6"},
        {"Content-Range": f"bytes {'9' * 5000}-5/6"},
        {},
    ],
    ids=str,
)
def test_range_that_does_not_fit_is_not_appended(headers: dict[str, str], tmp_path: Path) -> None:
    """
    Another place, another size, another version or no range at all is an error, and the next attempt asks for all.
    """
    with FileSink(path=tmp_path / "a") as sink:
        _broken_off(sink)
        with pytest.raises(ExchangeError) as caught:
            sink.begin(206, Headers(headers))
        assert caught.value.code == "invalid_response"
        assert (sink.request_headers(), sink.done, sink.total) == ({}, 0, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("range_", "total"),
    [("bytes 3-5/6", 6), ("bytes 3-5/*", 6), ("bytes 0-5/6", 6), ("bytes 0-5/9", 9), ("bytes 0-5/*", None)],
)
def test_total_is_what_the_range_says(range_: str, total: int | None, tmp_path: Path) -> None:
    """
    The size of the whole stands in the range; where it does not it stays known, unless a range begins anew.
    """
    with FileSink(path=tmp_path / "a") as sink:
        _broken_off(sink)
        sink.begin(206, _headers(Content_Range=range_, ETag='"one"'))
        assert sink.total == total


@pytest.mark.parametrize(
    ("headers", "total"),
    [
        ({"Content-Length": "6"}, 6),
        ({"Content-Length": "0"}, 0),
        ({}, None),
        ({"Content-Length": "6", "Content-Encoding": "gzip"}, None),
        ({"Content-Length": "6", "Content-Encoding": "identity"}, 6),
        ({"Content-Length": "\u00b2"}, None),
        ({"Content-Length": "-6"}, None),
        ({"Content-Length": "9" * 5000}, None),
        ({"Content-Length": "6, 6"}, None),
    ],
    ids=str,
)
def test_length_is_believed_when_it_is_one(headers: dict[str, str], total: int | None, tmp_path: Path) -> None:
    """
    Only a plain number of bytes as they are saved is the size of the file.
    """
    with FileSink(path=tmp_path / "a") as sink:
        sink.begin(200, Headers(headers))
        assert sink.total == total


@pytest.mark.parametrize(
    ("length", "content", "expected"),
    [("6", b"abc", None), ("3", b"abcdef", None), ("", b"abc", 6), ("", b"abc", 2), ("3", b"abc", 4), ("", b"", 1)],
)
def test_wrong_size_is_not_saved(length: str, content: bytes, expected: int | None, tmp_path: Path) -> None:
    """
    Neither the length of the answer nor the size of the file may differ from what came; what was there stays.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with pytest.raises(OpenAIError, match="nothing was saved") as caught:
        _downloaded(path, {"Content-Length": length}, content, expected)
    assert caught.value.code == "size_mismatch"
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"before")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OpenAIError(message="cancelled"), GeneratorExit, OSError])
def test_failure_leaves_nothing_behind(error: type[BaseException] | BaseException, tmp_path: Path) -> None:
    """
    Whatever ends a download early, the part is removed and what was there stays as it was.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with pytest.raises(BaseException) as caught:  # noqa: PT011  any there is
        _failing(path, error)
    assert caught.type is (error if isinstance(error, type) else type(error))
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"before")


def test_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    """
    A link is followed, also one to another folder and one to a file that is not there yet.
    """
    (tmp_path / "elsewhere").mkdir()
    for name in ("there", "missing"):
        target, link = tmp_path / "elsewhere" / name, tmp_path / name
        if name == "there":
            target.write_bytes(b"before")
        link.symlink_to(target)
        with FileSink(path=link) as sink:
            _broken_off(sink, {})
            sink.commit(3)
        assert (link.is_symlink(), link.readlink(), target.read_bytes()) == (True, target, b"abc")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "missing", "missing", "there", "there"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs what POSIX has")
@pytest.mark.parametrize("is_linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_not_replaced(
    kind: str,
    is_linked: bool,  # noqa: FBT001  a case
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A pipe or a socket of that name is refused before anything is asked for, and stays what it is.
    """
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    before = path.stat()
    asked = tmp_path / "link" if is_linked else path
    if is_linked:
        asked.symlink_to(path)
    with pytest.raises(OpenAIError, match=r"no regular file.*give the path") as caught, FileSink(path=asked):
        pytest.fail("it was entered")
    assert (caught.value.code, caught.value.param) == ("not_a_regular_file", "path")
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)
    assert list(tmp_path.glob(".*")) == []


@posix_only
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")
@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize(
    "name", ["/proc/self/fd/{}", "/dev/fd/{}", "/proc/{pid}/fd/{}", "/proc/thread-self/fd/{}", "link", "chain"]
)
def test_name_of_an_open_file_is_not_replaced(name: str, is_deleted: bool, tmp_path: Path) -> None:  # noqa: FBT001  a case
    """
    What leads to an open file is refused, since replacing it would lose what others wrote there before.

    No file ``a (deleted)`` is made for one that has lost its name.
    """
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.write(b"before")
        file.flush()
        link = tmp_path / "link"
        link.symlink_to(f"/dev/fd/{file.fileno()}")
        (tmp_path / "chain").symlink_to("link")
        if is_deleted:
            path.unlink()
        names = sorted(tmp_path.iterdir())
        asked = tmp_path / name.format(file.fileno(), pid=os.getpid())
        with pytest.raises(OpenAIError, match=r"no regular file") as caught:
            _downloaded(asked, {}, b"abc", 3)
        assert (caught.value.code, os.fstat(file.fileno()).st_size) == ("not_a_regular_file", 6)
    assert sorted(tmp_path.iterdir()) == names


@pytest.mark.skipif(sys.platform == "win32", reason="needs what POSIX has")
def test_pipe_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """
    What has the name when the download is complete is looked at again.
    """
    path = tmp_path / "a"
    with FileSink(path=path) as sink:
        _broken_off(sink, {})
        os.mkfifo(path)
        with pytest.raises(OpenAIError) as caught:
            sink.commit(3)
    assert caught.value.code == "not_a_regular_file"
    assert (list(tmp_path.iterdir()), path.is_fifo()) == ([path], True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions as POSIX has them")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_permissions_of_what_is_replaced_are_kept(mode: int, tmp_path: Path) -> None:
    """
    A private file stays private, also while the new content is on its way.
    """
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(mode)
    with FileSink(path=path) as sink:
        _broken_off(sink, {})
        (part,) = tmp_path.glob(".*")
        assert part.stat().st_mode & 0o077 == 0
        sink.commit(3)
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (mode, b"abc")


@pytest.mark.skipif(sys.platform == "win32", reason="needs permissions as POSIX has them")
def test_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """
    Where nothing is replaced, the process's mask decides.
    """
    (tmp_path / "other").touch()
    _downloaded(tmp_path / "a", {}, b"abc", 3)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "日" * 85, os.fsdecode(b"\xff.bin"), "a\nb", ".", "-rf"])
def test_every_name_the_disk_takes_can_be_saved_under(name: str, tmp_path: Path) -> None:
    """
    The part's own name never makes a name impossible that would be possible.
    """
    path = tmp_path / name if name != "." else tmp_path / "..." / "a"
    path.parent.mkdir(exist_ok=True)
    with FileSink(path=path) as sink:
        _broken_off(sink, {})
        sink.commit(None)
    assert path.read_bytes() == b"abc"


def test_two_downloads_of_one_name_do_not_mix(tmp_path: Path) -> None:
    """
    Each has a part of its own, and the last one that is complete has the name.
    """
    path = tmp_path / "a"
    with FileSink(path=path) as first, FileSink(path=path) as second:
        _broken_off(first, {})
        second.begin(200, Headers())
        second.write(memoryview(b"second"))
        second.commit(6)
        first.commit(3)
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize("where", ["missing/a", "file/a"])
def test_place_that_cannot_be_written_is_found_first(where: str, tmp_path: Path) -> None:
    """
    A missing folder is an error before anything is asked of the provider.
    """
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OpenAIError, match="cannot be written") as caught, FileSink(path=tmp_path / where):
        pytest.fail("it was entered")
    assert (caught.value.code, caught.value.param) == ("unwritable_file", "path")


def test_folder_of_that_name_is_an_error(tmp_path: Path) -> None:
    """
    A folder of that name is an error, before anything is asked for, and no part stays.
    """
    (tmp_path / "a").mkdir()
    with pytest.raises(OpenAIError, match="cannot be written"):
        _downloaded(tmp_path / "a", {}, b"abc", 3)
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@posix_only
def test_folder_that_vanishes_is_no_second_error(tmp_path: Path) -> None:
    """
    When the folder is gone with the part in it, the error is the one that says so.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OpenAIError, match="No such file"):
        _vanishing(folder)


_FULL = """
import resource, signal, sys
from pathlib import Path
from aikit.types.errors import OpenAIError
from aikit.http.sinks import FileSink
from aikit.http.headers import Headers
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
try:
    with FileSink(path=Path(sys.argv[1])) as sink:
        sink.begin(200, Headers({"Content-Length": sys.argv[2]} if sys.argv[2] else {}))
        print("began")
        for _ in range(40):
            sink.write(memoryview(bytes(100_000)))
except OpenAIError as error:
    print(error.code, "cannot be written: File too large; nothing was saved" in str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits as POSIX has them")
@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("", "began\nunwritable_file True\n"),
        ("4000000", "unwritable_file True\n"),
        ("999999999999999999", "unwritable_file True\n"),
    ],
)
def test_disk_without_room_is_found_as_early_as_can_be(length: str, said: str, tmp_path: Path) -> None:
    """
    A known size that has no room fails before the first byte, an unknown one when it is full; nothing stays.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    printed = subprocess.run(
        [sys.executable, "-c", _FULL, str(path), length],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    assert (printed, list(tmp_path.iterdir()), path.read_bytes()) == (said, [path], b"before")


@given(st.binary(min_size=1, max_size=50), st.lists(st.integers(0, 50), max_size=4))
def test_breaks_anywhere_leave_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, breaks: list[int]
) -> None:
    """
    Wherever attempts break off, the file is what was sent, byte for byte.
    """
    path = tmp_path_factory.mktemp("breaks") / "a"
    size = len(content)
    with FileSink(path=path) as sink:
        for stop in [*(min(at, size) for at in breaks), size]:
            asked = sink.request_headers().get("Range")
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if start == size:
                break
            headers = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if asked else {"Content-Length": str(size)}
            begun = sink.begin(206 if asked else 200, Headers({**headers, "ETag": '"one"'}))
            sink.write(memoryview(content[begun : max(begun, stop)]))
        sink.commit(size)
    assert path.read_bytes() == content
