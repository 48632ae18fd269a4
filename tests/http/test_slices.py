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

from aikit.http.slices import OnRead, prefix_md5s, sha256_of, slice_of
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
def test_the_md5_of_all_up_to_each_part(content: bytes, part: int) -> None:
    """
    One digest for each part, of the content from its first byte to the part's last; the last is of the whole.
    """
    read: list[int] = []
    found = list(prefix_md5s(source_of(content, filename="a"), part, read.append))
    ends = [min(start + part, len(content)) for start in range(0, len(content), part)]
    assert found == [hashlib.md5(content[:end]).hexdigest() for end in ends]  # noqa: S324  as the provider
    assert sum(read) == len(content)


def test_no_more_is_hashed_than_is_asked_for() -> None:
    """
    Who wants the first part's digest only does not have the rest read, and the reader is closed.
    """
    read: list[int] = []
    digests = prefix_md5s(source_of(bytes(5 << 20), filename="a"), 1 << 20, read.append)
    next(digests)
    digests.close()
    assert sum(read) == 1 << 20


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

    def md5_of(source: Source, on_read: OnRead) -> str:
        return list(prefix_md5s(source, len(content), on_read))[-1]

    for hashing in (md5_of, sha256_of):
        calls.clear()
        with pytest.raises(KeyError):
            hashing(source, stop)
    assert md5_of(source, lambda _: None) == hashlib.md5(content).hexdigest()  # noqa: S324  as the provider
