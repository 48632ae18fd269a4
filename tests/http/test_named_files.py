"""
Files in tuples with their names, and their media types.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aikit import CheckedFile, OpenAIClient, jsonl
from aikit.http.bodies import MultipartBody, type_of
from aikit.http.slices import slice_of, without_mark
from aikit.http.sources import source_of
from tests.files_server import FilesServer, files_server

_LINE = (
    b'{"custom_id": "q", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}\n'
)


@pytest.fixture
def server() -> Iterator[FilesServer]:
    """
    A server that keeps what it gets.
    """
    with files_server() as running:
        yield running


@pytest.fixture
def client(server: FilesServer, tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of that server.
    """
    with OpenAIClient("k", base_url=server.url, home=tmp_path / "home") as made:
        yield made


def _on_disk(folder: Path) -> Path:
    (folder / "on disk.bin").write_bytes(_LINE)
    return folder / "on disk.bin"


def _contents(folder: Path) -> list[Any]:
    return [_LINE, bytearray(_LINE), io.BytesIO(_LINE), _on_disk(folder)]


def test_a_tuple_names_its_content(tmp_path: Path) -> None:
    """
    Name and media type are those of the tuple, whatever the content is; without a type the name stands for it.
    """
    for content in _contents(tmp_path):
        source = source_of(("a.jsonl", content))
        assert (source.name, type_of(source)) == ("a.jsonl", "application/jsonl")
    for content in _contents(tmp_path):
        source = source_of(("a.jsonl", content, "text/plain; charset=utf-8")).resolved()
        assert (source.name, type_of(source), source.size_bytes) == ("a.jsonl", "text/plain; charset=utf-8", len(_LINE))
        assert type_of(slice_of(source, 0, 5)) == type_of(without_mark(source)) == "text/plain; charset=utf-8"
        with closing(source.open()) as reader:
            assert reader.read(1_000) == _LINE


def test_what_a_tuple_leaves_open_is_as_without_it(tmp_path: Path) -> None:
    """
    None for the name is no name, None for the type no type; the option filename wins over both.
    """
    assert source_of((None, b"%PDF-1")).name == "file.pdf"
    assert source_of((None, _on_disk(tmp_path), "text/plain")).name == "on disk.bin"
    assert type_of(source_of(("a.png", b"x", None))) == "image/png"
    assert source_of(("a.png", b"x"), filename="b.png").name == "b.png"
    with pytest.raises(ValueError, match="pass filename"):
        source_of((None, b"x"), purpose="user_data")


@pytest.mark.parametrize(
    ("file", "kind", "words"),
    [
        ((), TypeError, "not 0 values"),
        (("a",), TypeError, "not 1 values"),
        (("a", b"x", None, {}), TypeError, "not 4 values"),
        (("a.txt", "text"), TypeError, r"Path\(…\) for a file, .encode\(\) for a text"),
        ((b"x", "a.txt"), TypeError, "the first must be a string"),
        (("a", ("b", b"x")), TypeError, "not tuple"),
        (("a", 7), TypeError, "must be a path, bytes or a binary stream, not int"),
        (("", b"x"), ValueError, "no plain name"),
        (("folder/a", b"x"), ValueError, "no plain name"),
        (("a", b"x", 7), TypeError, "the third must be a string"),
        (("a", b"x", "text"), ValueError, "no media type"),
        (("a", b"x", "text/plain\r\nX-More: 1"), ValueError, "no media type"),
        (("a", b"x", ""), ValueError, "no media type"),
    ],
)
def test_tuples_of_another_form_are_refused_before_sending(
    client: OpenAIClient, file: Any, kind: type[Exception], words: str
) -> None:
    """
    The message says what stands where; a string as content may be a path or a text, and is not guessed.
    """
    with pytest.raises(kind, match=words):
        client.files.create(file, "user_data")


def test_the_type_is_that_of_the_part(client: OpenAIClient, server: FilesServer) -> None:
    """
    It stands over the content in the form that is sent.
    """
    source = source_of(("a.txt", b"x", "text/x-own"))
    body = MultipartBody(fields={}, file_field="file", source=source).open().read(10_000)
    assert b'filename="a.txt"\r\nContent-Type: text/x-own\r\n\r\n' in body
    assert client.files.create(("ü.txt", b"x", "text/x-own"), "user_data").unwrap().filename == "ü.txt"
    assert [one["filename"] for one in server.files.values()] == ["ü.txt"]


def test_many_files_may_be_named(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Tuples stand in a list beside paths; the item tells the path that the content has.
    """
    place = _on_disk(tmp_path)
    files: list[Any] = [("a.txt", b"1"), place, ("b.txt", place, "text/plain"), (None, b"%PDF-")]
    result = client.files.create_many(files, "user_data")
    names = ["a.txt", "on disk.bin", "b.txt", "file.pdf"]
    assert [item.file.filename for item in result.unwrap() if item.file] == names
    assert [item.path for item in result] == [None, str(place), str(place), None]


def test_among_many_a_tuple_of_paths_is_a_list(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Alone, a tuple is the list of files that it was; in a list, what is no named content is told at once what one is.
    """
    place = _on_disk(tmp_path)
    assert len(client.files.create_many((str(place), str(place)), "user_data").unwrap()) == 2
    for odd in (("a.txt", "text"), ("a.txt",), ("folder", tmp_path), ("a", b"x", "y", "z")):
        with pytest.raises(TypeError, match=r"paths must name files.*of bytes, a binary stream") as refused:
            client.files.create_many([odd], "user_data")  # type: ignore[list-item]  # that is the test
        assert "text" not in str(refused.value)
    failed = client.files.create_many(iter([("a", b"x", "no type")]), "user_data")
    assert failed.errors[0].code == "invalid_file"


def test_a_named_file_is_no_other_files_entry_in_a_manifest(client: OpenAIClient, tmp_path: Path) -> None:
    """
    A manifest knows files by their paths: one that was sent under its own name is not the one under another.
    """
    place = _on_disk(tmp_path)
    manifest = tmp_path / "manifest"
    for statuses in (["uploaded", "uploaded"], ["kept", "uploaded"]):
        result = client.files.create_many([place, ("b.txt", place)], "user_data", manifest=manifest)
        assert [item.status for item in result] == statuses
        assert [item.file.filename for item in result if item.file] == ["on disk.bin", "b.txt"]


def test_what_takes_files_takes_tuples(tmp_path: Path) -> None:
    """
    Parts of uploads, checks, splitting and estimates, and files that were checked before.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        upload = client.uploads.create("a.txt", "user_data", 4).unwrap()
        part = client.uploads.add_part(upload.id, ("any", b"text", "text/plain")).unwrap()
        assert client.uploads.complete(upload.id, [part.id]).unwrap().status == "completed"
        assert client.batches.estimate(("a.jsonl", _LINE)).unwrap().requests == 1
        checked = jsonl.check(("a.jsonl", _LINE))
        assert not checked
        file = CheckedFile.of(_on_disk(tmp_path).rename(tmp_path / "c.jsonl"), "batch")
        assert client.files.create(("d.jsonl", file), "batch").unwrap().filename == "d.jsonl"
        many = client.files.create_many([file, ("e.jsonl", file)], "batch").unwrap()
        assert [item.file.filename for item in many if item.file] == ["c.jsonl", "e.jsonl"]
        assert json.loads(client.files.content(client.files.list()[0].id).unwrap())["custom_id"] == "q"
