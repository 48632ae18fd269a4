"""
The journal of stored contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from aikit.storage import sync
from aikit.storage.errors import StoreError
from aikit.storage.uploaded_files import Content, Uploaded

CONTENT: Final = Content(account="a", purpose="batch", name="in.jsonl", sha256="0" * 64)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Uploaded]:
    """
    A journal in a home of its own.
    """
    made = Uploaded(tmp_path / "home")
    yield made
    made.close()


def test_the_newest_note_of_a_content_counts(journal: Uploaded) -> None:
    """
    A content that is stored again is found under its new id, and after it is forgotten under none.
    """
    assert journal.find(CONTENT) is None
    journal.note(CONTENT, "file-1")
    journal.note(CONTENT, "file-2")
    assert Uploaded(journal.home).find(CONTENT) == "file-2"
    journal.forget(CONTENT)
    assert journal.find(CONTENT) is None


@pytest.mark.parametrize("other", ["account", "purpose", "name", "sha256"])
def test_what_differs_in_anything_is_another_content(journal: Uploaded, other: str) -> None:
    """
    Account, purpose, name and digest all count, for finding and for forgetting.
    """
    different = attrs.evolve(CONTENT, **{other: "z"})
    journal.note(CONTENT, "file-1")
    assert journal.find(different) is None
    journal.forget(different)
    assert journal.find(CONTENT) == "file-1"


def test_a_damaged_journal_says_so(journal: Uploaded) -> None:
    """
    A file that is no database is an error with a code and the folder's name.
    """
    journal.home.mkdir(parents=True)
    (journal.home / "uploaded.db").write_bytes(b"nonsense" * 1_000)
    with pytest.raises(StoreError, match="home is damaged") as caught:
        journal.find(CONTENT)
    assert caught.value.code == "storage_damaged"


def test_files_and_folders_can_be_made_to_last(tmp_path: Path) -> None:
    """
    Both kinds of path are taken; one that is not there is an error.
    """
    (tmp_path / "a").write_text("a")
    sync(tmp_path / "a")
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "b")
