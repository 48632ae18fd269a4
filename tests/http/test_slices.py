"""
Slices of a source, and what is hashed of it while others read it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.slices import HashingSource, md5_of, sha256_of, slice_of
from aikit.http.sources import Source, source_of


def read_in(source: Source, size: int) -> bytes:
    """
    Read *source* to its end, *size* bytes at a time.
    """
    reader, content = source.open(), bytearray()
    while chunk := reader.read(size):
        content += chunk
    reader.close()
    return bytes(content)


@given(st.binary(min_size=1, max_size=400), st.integers(1, 50), st.integers(1, 60))
def test_slices_make_the_whole(content: bytes, part: int, size: int) -> None:
    """
    However it is cut and however it is read, the slices in their order are the content.
    """
    source = source_of(content, filename="a")
    starts = range(0, len(content), part)
    slices = [slice_of(source, start, min(part, len(content) - start)) for start in starts]
    assert b"".join(read_in(one, size) for one in slices) == content


@given(st.binary(max_size=400), st.integers(1, 60))
def test_what_is_read_is_hashed(content: bytes, size: int) -> None:
    """
    The digest of what somebody read is that of the content, also when it was read before, and in part.
    """
    source = HashingSource(source_of(content, filename="a"))
    source.open().read(3)
    assert read_in(source, size) == content
    assert source.digest == hashlib.sha256(content).hexdigest() == sha256_of(source.source, lambda _: None)


def test_it_is_what_it_hashes() -> None:
    """
    Name, size and replaying are the source's.
    """
    source = HashingSource(source_of(b"abc", filename="a.bin"))
    assert (source.name, source.size_bytes, source.is_replayable) == ("a.bin", 3, True)
    assert source.resolved() is source


@pytest.mark.parametrize("kind", ["path", "bytes", "stream"])
def test_hashing_can_be_stopped(kind: str, tmp_path: Path) -> None:
    """
    What is raised between two chunks ends it, and the file is closed.
    """
    content = bytes(3 << 20)
    (tmp_path / "a").write_bytes(content)
    file: Any = {"path": tmp_path / "a", "bytes": content, "stream": io.BytesIO(content)}[kind]
    source = source_of(file, filename="a").resolved()
    calls = []

    def stop(*counts: int) -> None:
        calls.append(counts)
        if len(calls) == 2:
            raise KeyError

    for hashing in (md5_of, sha256_of):
        calls.clear()
        with pytest.raises(KeyError):
            hashing(source, stop)
    assert md5_of(source, lambda _: None) == hashlib.md5(content).hexdigest()  # noqa: S324  as the provider
