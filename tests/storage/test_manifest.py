"""
Manifests: whole lines whoever writes and reads at once, and nothing of anybody else's file is touched.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.storage.manifest import FileState, Manifest
from aikit.types.bulk_files import UPLOADED, OpenAIFileItem
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.files import OpenAIFile

FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 5,
    "created_at": 1,
    "filename": "a.txt",
    "purpose": "user_data",
    "status": "processed",
}


def state(name: str = "a.txt") -> FileState:
    """
    Return what a file looks like.
    """
    return FileState(path=f"/x/{name}", size_bytes=5, modified_ns=7, purpose="user_data", account="me")


def item(name: str = "a.txt") -> OpenAIFileItem:
    """
    Return what became of it.
    """
    file = OpenAIFile.from_wire(FILE)
    return OpenAIFileItem(path=f"/x/{name}", status=UPLOADED, file=file, bytes=5, sha256="0" * 64, was_sent=True)


def is_done(manifest: Manifest, name: str = "a.txt") -> bool:
    """
    Tell whether the manifest has it.
    """
    return manifest.find_done(state(name), lambda: "1" * 64) is not None


@attrs.define
class Between:
    """
    A file on which somebody else is at work whenever this thread has found its place.
    """

    file: io.FileIO
    work: Any
    others: list[threading.Thread] = attrs.field(factory=list)

    def seek(self, *place: int) -> int:
        """
        Find the place, and let the other one work.
        """
        found = self.file.seek(*place)
        other = threading.Thread(target=self.work, args=(self.file,))
        other.start()
        other.join(0.1)
        self.others.append(other)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_who_writes_meanwhile_does_not_lead_who_reads_astray(tmp_path: Path) -> None:
    """
    A line that is written between finding a place and reading there waits for that.
    """
    path = tmp_path / "m.jsonl"
    first = Manifest.open(path)
    first.note(item(), state())
    first.close()
    manifest = Manifest.open(path)
    plain = manifest._file

    def write(_: io.FileIO) -> None:
        manifest._file = plain
        manifest.note(item("b.txt"), state("b.txt"))

    between = Between(plain, write)
    manifest._file = between  # type: ignore[assignment]  # looks like one
    assert is_done(manifest)
    for other in between.others:
        other.join(20)
    manifest.close()


@attrs.define
class Full:
    """
    A disk that has room for some bytes.
    """

    file: io.FileIO
    room: int

    def write(self, data: memoryview) -> int:
        """
        Write what there is room for.
        """
        if not self.room:
            raise OSError(28, os.strerror(28))
        self.room -= (written := self.file.write(data[: self.room]))
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_a_disk_that_fills_up_in_a_line_is_told_and_spoils_no_other(tmp_path: Path) -> None:
    """
    What was not written whole is no success, and what comes when there is room again stands on a line of its own.
    """
    path = tmp_path / "m.jsonl"
    manifest = Manifest.open(path)
    plain = manifest._file
    manifest._file = Full(plain, 50)  # type: ignore[assignment]  # looks like one
    with pytest.raises(OpenAIError) as caught:
        manifest.note(item(), state())
    assert caught.value.code == "insufficient_storage"
    manifest._file = plain
    manifest.note(item("b.txt"), state("b.txt"))
    manifest.close()
    again = Manifest.open(path)
    assert [is_done(again, name) for name in ("a.txt", "b.txt")] == [False, True]
    again.close()


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7\n...", b'{"custom_id": "q1"}\n', b"\xff\xfe{\0", b"[" * 100_000, b"7\n"]
)
def test_what_is_no_manifest_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """
    A file with other content, named by mistake, gets no line of ours.
    """
    path = tmp_path / "report.pdf"
    path.write_bytes(content)
    with pytest.raises(OpenAIError, match="something else in it") as caught:
        Manifest.open(path)
    assert caught.value.code == "unusable_manifest"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\n", b"\0" * 5_000, b'{"pa', b'{"path": "/x/a.txt", "sta', b"\0\0\n\n"])
def test_what_a_crash_left_of_a_manifest_is_one(tmp_path: Path, content: bytes) -> None:
    """
    A torn first line, or zeros after a power cut, keep nobody from beginning anew.
    """
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    for was_done in (False, True):
        manifest = Manifest.open(path)
        assert is_done(manifest) == was_done
        manifest.note(item(), state())
        manifest.close()


def test_a_line_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    """
    Damage of any length is read piece by piece, and what stands after it counts.
    """
    path = tmp_path / "m.jsonl"
    manifest = Manifest.open(path)
    manifest.note(item(), state())
    manifest.close()
    line = path.read_bytes()
    path.write_bytes(line + b"x" * 3_000_000 + b"\n" + line.replace(b"a.txt", b"b.txt"))
    again = Manifest.open(path)
    assert max(len(piece) for _, piece in again._lines()) <= 1024 * 1024
    assert [is_done(again, name) for name in ("a.txt", "b.txt")] == [True, True]
    again.close()


def test_reading_a_long_manifest_can_be_ended(tmp_path: Path) -> None:
    """
    Nobody waits for its end, and the next one finds it free.
    """
    path = tmp_path / "m.jsonl"
    path.write_text('{"path": "/x/a.txt", "status": "failed"}\n' * 5)
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise CancelledError

    with pytest.raises(CancelledError):
        Manifest.open(path, look)
    assert len(looks) == 3
    Manifest.open(path).close()


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")
def test_no_device_is_a_manifest_and_a_link_is_the_file_it_leads_to(tmp_path: Path) -> None:
    """
    A pipe is refused without waiting for its other end; whoever comes by a link waits for the same lock.
    """
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OpenAIError, match="no regular file"):
        Manifest.open(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "m.jsonl")
    manifest = Manifest.open(tmp_path / "m.jsonl")
    with pytest.raises(OpenAIError) as caught:
        Manifest.open(tmp_path / "link")
    assert caught.value.code == "manifest_in_use"
    manifest.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "m.jsonl", "pipe"]


@pytest.mark.parametrize(("expires_at", "counts"), [(None, True), (1_001, True), (1_000, False), (999, False)])
def test_a_file_that_has_expired_is_not_done(expires_at: int | None, tmp_path: Path, *, counts: bool) -> None:
    """
    A file counts until the second of its expiry, and is sent again from then on.
    """
    manifest = Manifest.open(tmp_path / "m.jsonl")
    manifest.clock = lambda: 1_000.0
    file = OpenAIFile.from_wire(FILE | {"expires_at": expires_at})
    manifest.note(attrs.evolve(item(), file=file), state())
    manifest.close()
    again = Manifest.open(tmp_path / "m.jsonl")
    again.clock = lambda: 1_000.0
    assert is_done(again) == counts
    again.close()


def test_a_file_of_another_size_is_not_done(tmp_path: Path) -> None:
    """
    The size counts even where the time of the last change is the same.
    """
    manifest = Manifest.open(tmp_path / "m.jsonl")
    manifest.note(item(), state())
    manifest.close()
    manifest = Manifest.open(tmp_path / "m.jsonl")
    assert is_done(manifest)
    assert manifest.find_done(attrs.evolve(state(), size_bytes=6), lambda: "0" * 64) is None
    manifest.close()


def test_the_last_line_of_a_path_counts(tmp_path: Path) -> None:
    """
    A file that was stored and later failed is sent again.
    """
    manifest = Manifest.open(tmp_path / "m.jsonl")
    manifest.note(item(), state())
    manifest.note(attrs.evolve(item(), status="failed"), state())
    manifest.close()
    again = Manifest.open(tmp_path / "m.jsonl")
    assert not is_done(again)
    again.close()
