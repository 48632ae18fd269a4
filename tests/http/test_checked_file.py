"""
Tests of uploads of files whose content was checked before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aikit import CheckedFile, OpenAIClient
from aikit.http.messages import Reader
from aikit.http.sources import PathSource

_LINE = b'{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"x"}}\n'


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return where each reading of a file on disk began."""
    starts: list[int] = []
    original = PathSource.open

    def counted(self: PathSource, start: int = 0) -> Reader:
        starts.append(start)
        return original(self, start)

    monkeypatch.setattr(PathSource, "open", counted)
    return starts


def _create(file: Any, purpose: str = "batch") -> Any:
    with OpenAIClient(provider="local") as client:
        return client.files.create(file, purpose)


@pytest.mark.parametrize("count", [1, 2_000])
def test_a_checked_file_is_read_only_to_be_sent(tmp_path: Path, opened: list[int], count: int) -> None:
    """The content of a file that was checked is read once, whether it is small or large."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(_LINE.replace(b'"a"', b'"%d"' % number) for number in range(count)))
    assert _create(CheckedFile.of(path, "batch")).success
    assert len(opened) == 1
    assert _create(path).success
    assert len(opened) > 2


@pytest.mark.parametrize("count", [1, 2_000])
def test_a_checked_file_that_changed_since_is_refused(tmp_path: Path, count: int) -> None:
    """Another size or another time of modification than at the check refuses the upload, and nothing is stored."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_LINE * count)
    checked = CheckedFile.of(path, "batch")
    os.utime(path, ns=(1, 1))
    assert [error.code for error in _create(checked).errors] == ["file_changed"]
    path.write_bytes(_LINE * (count + 1))
    result = _create(checked)
    assert [error.code for error in result.errors] == ["file_changed"]
    path.unlink()
    assert [error.code for error in _create(checked).errors] == ["file_not_found"]


def test_what_was_checked_for_another_purpose_is_checked(tmp_path: Path) -> None:
    """A file whose lines were checked for one purpose is checked for the purpose that it is sent for."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"[1]\n")
    assert _create(CheckedFile.of(path, "fine-tune")).errors
    assert _create(CheckedFile.of(path, "batch")).success


def test_name_and_size_of_a_checked_file_are_looked_at(tmp_path: Path) -> None:
    """What needs no reading is checked nevertheless: name, extension, size, purpose."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"")
    codes = {error.code for error in _create(CheckedFile.of(path, "batch")).errors}
    assert codes == {"invalid_extension", "empty_file"}
