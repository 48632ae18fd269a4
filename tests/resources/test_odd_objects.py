"""
Objects of a provider that cannot be read: the others are listed, and calls by their id work.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from tests.answering_server import AnsweringServer, answering_server
from tests.files_server import FilesServer, files_server

_ENDPOINT = "/v1/embeddings"
_ODD: list[tuple[str, Any]] = [
    ("created_at", None),
    ("created_at", "some day"),
    ("created_at", True),
    ("bytes", 1.5),
    ("expires_at", {}),
    ("filename", None),
    ("status", []),
]


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody waits between two looks for a batch.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.01,) * 3)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[FilesServer, OpenAIClient]]:
    """
    A server with one good file, and a client of it.
    """
    with files_server() as server, OpenAIClient("k", base_url=server.url, home=tmp_path) as client:
        server.add("file-good", created_at=1, purpose="batch")
        yield server, client


@pytest.fixture
def batches() -> Iterator[tuple[AnsweringServer, OpenAIClient]]:
    """
    A server with one good batch, and a client of it.
    """
    with answering_server() as server, OpenAIClient("k", base_url=server.url) as client:
        server.add(id="batch_good", created_at=1)
        yield server, client


@pytest.mark.parametrize(("name", "value"), _ODD)
@pytest.mark.parametrize("everything", [False, True])
def test_odd_file_hides_no_other(
    files: tuple[FilesServer, OpenAIClient],
    name: str,
    value: Any,
    everything: bool,  # noqa: FBT001  a column
) -> None:
    """
    The list has the rest and a note with id and field; retrieving it names the field, and deleting it works.
    """
    server, client = files
    server.add("file-odd", **{name: value})
    listed = client.files.list({"all_pages": everything}).throw()
    assert [file.id for file in listed.files] == ["file-good"]
    assert len(listed.notes) == 1
    assert "file-odd" in listed.notes[0]
    assert f"'{name}'" in listed.notes[0]
    error = client.files.retrieve("file-odd").errors[0]
    assert (error.code, f"'{name}' is not of type" in error.message) == ("invalid_response", True)
    assert client.files.delete("file-odd").success
    assert client.files.list().notes == ()


def test_sums_and_pruning_tell_what_they_leave_out(files: tuple[FilesServer, OpenAIClient]) -> None:
    """
    A file that cannot be read is neither summed up nor deleted, and that is noted.
    """
    server, client = files
    server.add("file-odd", created_at=None, filename="a.txt")
    summed = client.files.usage().throw()
    assert summed.stored is not None
    assert (summed.stored.total.files, ["file-odd" in note for note in summed.notes]) == (1, [True])
    pruned = client.files.prune({"name": "a.txt", "dry_run": False})
    assert ([item.file.id for item in pruned.items], "file-odd" in pruned.notes[0]) == (["file-good"], True)
    assert "file-odd" in server.files


def test_files_of_a_batch_that_cannot_be_read_are_used(files: tuple[FilesServer, OpenAIClient]) -> None:
    """
    Pruning unused files spares what an odd batch names, and deletes nothing where it does not tell its input.
    """
    server, client = files
    server.add("file-out", created_at=1)
    odd = {"id": "batch_odd", "created_at": None, "input_file_id": "file-good", "output_file_id": "file-out"}
    server.batches.append(odd)
    assert len(client.files.prune({"unused": True, "dry_run": False}).throw().items) == 0
    del odd["input_file_id"]
    result = client.files.prune({"unused": True, "dry_run": False})
    assert (result.errors[0].code, sorted(server.files)) == ("invalid_response", ["file-good", "file-out"])


@pytest.mark.parametrize(("name", "value"), [("created_at", None), ("status", None), ("input_file_id", 5)])
def test_odd_batch_hides_no_other_and_hinders_no_intent(
    batches: tuple[AnsweringServer, OpenAIClient], name: str, value: Any
) -> None:
    """
    Listing, and creating once for an intent, get over it; retrieving names its field.
    """
    server, client = batches
    server.add(id="batch_odd", **{name: value})
    listed = client.batches.list({"limit": 100}).throw()
    assert ([batch.id for batch in listed.batches], len(listed.notes)) == (["batch_good"], 1)
    assert f"'{name}'" in listed.notes[0]
    assert f"'{name}' is not of type" in client.batches.retrieve("batch_odd").errors[0].message
    first, second = (client.batches.create("file-9", _ENDPOINT, {"intent": "once"}).throw().batch for _ in range(2))
    assert first is not None
    assert first == second


def test_a_batch_with_the_intent_that_cannot_be_read_is_not_created_again(
    batches: tuple[AnsweringServer, OpenAIClient],
) -> None:
    """
    It is there and will be paid, so creating says which it is and what is wrong with it.
    """
    server, client = batches
    server.add(id="batch_odd", created_at=None, metadata={"aikit_intent": "once"})
    error = client.batches.create("file-9", _ENDPOINT, {"intent": "once"}).errors[0]
    assert "batch_odd" in error.message
    assert "'created_at'" in error.message
    assert list(server.batches) == ["batch_good", "batch_odd"]


def test_a_creation_that_is_answered_oddly_is_done_once_and_named(
    batches: tuple[AnsweringServer, OpenAIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A batch whose answer cannot be read exists: it is looked for, found odd, and not asked for again.
    """
    server, client = batches
    add = AnsweringServer.add
    monkeypatch.setattr(AnsweringServer, "add", lambda self, **fields: add(self, **fields | {"created_at": None}))
    monkeypatch.setattr("tests.answering_server.AnsweringServer._create", _create_oddly)
    error = client.batches.create("file-9", _ENDPOINT).errors[0]
    assert "batch_new1" in error.message
    assert "'created_at'" in error.message
    assert len(server.batches) == 2


def _create_oddly(self: AnsweringServer, exchange: Any, order: dict[str, Any]) -> None:
    name = self.add(id=f"batch_new{len(self.batches)}", **order)
    self._tell(exchange, [name], {})
