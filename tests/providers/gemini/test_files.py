"""
Files of the Gemini API: stored in chunks, through breaks, and read back with what OpenAI knows of them.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFileResult, OpenAIResult
from aikit.providers.gemini.names import FILES, FileLabel, path_of
from aikit.types.errors import OpenAIError
from tests.gemini_server import GeminiServer
from tests.google_wire import Refusal

_LINE = json.dumps(
    {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gemini-2.5-flash", "messages": []},
    }
)


def _chunks_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("aikit.providers.gemini.upload._CHUNK_BYTES", size)


def test_a_file_comes_back_as_it_went_up(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Name, purpose, size, times and status survive the way through a display name; it is kept for 48 hours.
    """
    made = client.files.create(b"abc", "user_data", {"filename": "Übung [1].txt", "throw": True}).file
    assert made is not None
    read = client.files.retrieve(made.id, {"throw": True}).file
    assert read == made
    assert (made.filename, made.purpose, made.bytes, made.status) == ("Übung [1].txt", "user_data", 3, "processed")
    assert made.expires_at == made.created_at + 172_800
    assert made.extra["state"] == "ACTIVE"
    (stored,) = gemini.files.values()
    assert stored["displayName"] == "Übung [1].txt [aikit:user_data]"
    assert gemini.contents[stored["name"]] == b"abc"
    assert client.files.retrieve(f"files/{made.id.removeprefix('file-')}").file == made


def test_the_input_of_a_batch_has_its_type_and_its_model(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Google takes JSONL under one media type only, and does not give out what was uploaded, so the model is noted.
    """
    made = client.files.create((_LINE + "\n").encode(), "batch", {"filename": "in.jsonl", "validate": False}).file
    assert made is not None
    (stored,) = gemini.files.values()
    assert stored["mimeType"] == "application/jsonl"
    assert stored["displayName"] == "in.jsonl [aikit:batch gemini-2.5-flash]"
    assert (made.filename, made.purpose) == ("in.jsonl", "batch")


@pytest.mark.parametrize(
    ("shown", "label"),
    [
        (
            FileLabel("a.jsonl [aikit:batch].txt", "user_data").to_wire(),
            ("a.jsonl [aikit:batch].txt", "user_data", None),
        ),
        (FileLabel("a", "my [own] purpose", "m").to_wire(), ("a", "my [own] purpose", "m")),
        ("holiday [final]", ("holiday [final]", "user_data", None)),
        ("", ("file-x", "user_data", None)),
        (None, ("file-x", "user_data", None)),
        (5, ("file-x", "user_data", None)),
    ],
)
def test_labels_are_told_from_names_of_others(shown: Any, label: tuple[str, str, str | None]) -> None:
    """
    What aikit noted is read, whatever the name has; what another program wrote is the name.
    """
    read = FileLabel.from_wire({"displayName": shown}, "file-x")
    assert (read.filename, read.purpose, read.model) == label


@pytest.mark.parametrize(
    ("fields", "purpose"),
    [
        ({"mimeType": "application/jsonl"}, "batch"),
        ({"mimeType": "application/jsonl", "source": "GENERATED"}, "batch_output"),
        ({"mimeType": "image/png"}, "user_data"),
    ],
)
def test_files_of_others_have_a_likely_purpose(
    client: OpenAIClient, gemini: GeminiServer, fields: dict[str, str], purpose: str
) -> None:
    """
    Only aikit notes purposes; for the rest the type and the maker tell.
    """
    gemini.store("files/abc-1", b"x", **fields)
    file = client.files.retrieve("file-abc-1").file
    assert file is not None
    assert (file.filename, file.purpose) == ("file-abc-1" + ".jsonl" * ("batch" in purpose), purpose)


@pytest.mark.parametrize(
    ("state", "status"), [("ACTIVE", "processed"), ("PROCESSING", "uploaded"), ("FAILED", "error")]
)
def test_states_are_statuses(client: OpenAIClient, gemini: GeminiServer, state: str, status: str) -> None:
    """
    A file that could not be processed says why.
    """
    gemini.store("files/a", b"x", state=state, error={"code": 3, "message": "no video"} if state == "FAILED" else None)
    file = client.files.retrieve("file-a").file
    assert file is not None
    assert (file.status, file.status_details) == (status, "no video" if state == "FAILED" else None)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 100])
def test_large_files_go_in_chunks(
    client: OpenAIClient, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    """
    Each chunk but the last is a multiple of what the server asks for, and the content is the same.
    """
    _chunks_of(monkeypatch, 34)
    path, seen = tmp_path / "a.bin", []
    path.write_bytes(os.urandom(size))
    parameters: dict[str, Any] = {
        "on_progress": lambda progress: seen.append((progress.bytes, progress.total)),
        "validate": False,
    }
    result = client.files.create(path, "user_data", **parameters)
    assert result.wait(10)
    assert result.success
    (name,) = gemini.files
    assert gemini.contents[name] == path.read_bytes()
    assert len(gemini.received) == 1 + max(1, -(-size // 32))
    assert seen[-1:] == ([(size, size)] if size else seen[-1:])


@pytest.mark.parametrize("fault", ["cut", "lost", "503"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_upload_goes_on_after_a_break(
    client: OpenAIClient, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch, fault: str, number: int
) -> None:
    """
    The server is asked how much arrived, and only the rest is sent; the file is stored once.
    """
    _chunks_of(monkeypatch, 32)
    content = os.urandom(100)
    gemini.faults[number] = fault
    file = client.files.create(content, "user_data", {"filename": "a.bin"}).file
    assert file is not None
    assert [gemini.contents[name] for name in gemini.files] == [content]
    assert sum(asked.endswith("query") for asked in gemini.asked) == 1
    sent = sum(len(one.body) for one in gemini.received if "upload" in one.headers.get("x-goog-upload-command", ""))
    assert sent <= len(content) + 32


def test_breaks_without_progress_end_it(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    What does not get ahead in three tries has failed, with what the server said.
    """
    gemini.faults = dict.fromkeys(range(1, 9), "503")
    result = client.files.create(b"abc", "user_data", {"filename": "a.bin"})
    (error,) = result.errors
    assert (error.status, gemini.files) == (503, {})
    assert "ABCsecret" not in str(error) + repr(error) + str(error.body)


def test_breaks_that_get_ahead_do_not_count(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    A bad line on which each try brings a part through brings the whole through.
    """
    gemini.faults = dict.fromkeys(range(1, 6), "cut")
    content = os.urandom(5000)
    assert client.files.create(content, "user_data", {"filename": "a.bin"}).success
    assert list(gemini.contents.values()) == [content]


def test_a_stream_that_cannot_go_back_is_sent_at_once(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Its size is not known, and a break ends it.
    """
    file = _created_of_a_pipe(client).file
    assert file is not None
    assert (file.bytes, list(gemini.contents.values())) == (3, [b"abc"])


@pytest.mark.parametrize(("fault", "stored"), [("lost", 1), ("cut", 0), ("503", 0)])
def test_a_stream_whose_answer_is_lost_is_looked_for(
    client: OpenAIClient, gemini: GeminiServer, fault: str, stored: int
) -> None:
    """
    It cannot be sent again, and its name is known before it is sent.
    """
    gemini.faults[1] = fault
    result = _created_of_a_pipe(client)
    assert (result.success, len(gemini.files), gemini.asked[2][:4]) == (stored == 1, stored, "GET ")
    assert [error.is_ambiguous for error in result.errors] == [True] * (1 - stored)


def test_what_cannot_be_looked_at_may_be_there(
    client: OpenAIClient, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A refusal to tell what has arrived says nothing about what was sent.
    """
    gemini.faults[1] = "lost"
    write = GeminiServer._write

    def refusing(self: GeminiServer, session_id: str, headers: dict[str, str], body: bytes) -> Any:
        if headers["x-goog-upload-command"] == "query":
            raise Refusal(403, "The key may not ask any more.")
        return write(self, session_id, headers, body)

    monkeypatch.setattr(GeminiServer, "_write", refusing)
    (error,) = client.files.create(b"abc", "user_data", {"filename": "a.bin"}).errors
    assert (error.status, error.is_ambiguous, len(gemini.files)) == (403, True, 1)


def _created_of_a_pipe(client: OpenAIClient) -> OpenAIFileResult:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b"abc")
    with os.fdopen(reading, "rb") as stream:
        return client.files.create(stream, "user_data", {"filename": "a.bin"})


def test_the_key_is_in_a_header_and_the_session_in_no_message(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    The key is in no address and goes to no session; addresses of sessions are not shown.
    """
    gemini.faults[1] = "503"
    result = client.files.create(b"abc", "user_data", {"filename": "a.bin"})
    assert all("AIza" not in one.path for one in gemini.received)
    assert all("x-goog-api-key" not in one.headers for one in gemini.received if "upload_id" in one.path)
    shown = repr(result.request) + repr(result.response) + repr(result)
    assert result.success
    assert "ABCsecret" not in shown


@pytest.mark.parametrize(
    "root", ["https://evil.example", "http://127.0.0.1:1", "http://user@127.0.0.1:1", "ftp://a", "//[", ""]
)
def test_a_session_elsewhere_gets_nothing(client: OpenAIClient, gemini: GeminiServer, root: str) -> None:
    """
    A file goes to the API that was configured, and to no other place that an answer names.
    """
    gemini.session_root = root or "/"
    (error,) = client.files.create(b"abc", "user_data", {"filename": "a.bin"}).errors
    assert error.code == "invalid_response"
    assert len(gemini.received) == 1
    assert "ABCsecret" not in str(error) + repr(error)


def test_lists_have_openais_cursors(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Newest first or oldest first, of one purpose, in pages: each file once, whatever Google's pages are.
    """
    gemini.page_size = 3
    for number in range(8):
        label = FileLabel(f"{number}.txt", "user_data" if number % 2 else "vision")
        gemini.store(f"files/f{number}", b"x", displayName=label.to_wire())
    names = [f"file-f{number}" for number in range(8)]

    def listed(**parameters: Any) -> list[str]:
        result = client.files.list(**parameters)
        assert result.success, result.errors
        return [file.id for file in result.files]

    assert listed() == names[::-1]
    assert listed(order="asc") == names
    assert listed(limit=3) == ["file-f7", "file-f6", "file-f5"]
    assert listed(limit=1, after="files/f5") == ["file-f4"]
    assert listed(limit=3, after="file-f5") == ["file-f4", "file-f3", "file-f2"]
    assert listed(purpose="vision", order="asc", limit=2, after="file-f2") == ["file-f4", "file-f6"]
    assert listed(limit=3, all_pages=True) == names[::-1]
    (error,) = client.files.list({"after": "file-gone"}).errors
    assert (error.code, error.param) == ("invalid_value", "after")


def test_files_of_one_second_are_on_one_page_each(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Google promises no order, and many files are made within a second.
    """
    for number in range(12):
        gemini.store(f"files/f{number}", b"x", createTime="2026-11-30T08:00:00Z")
    listed: list[str] = []
    for _ in range(4):
        page = client.files.list(limit=3, after=listed[-1] if listed else None)
        listed += [file.id for file in page.files]
        gemini.files = dict(reversed(gemini.files.items()))
    assert len(set(listed)) == 12


def test_a_list_without_an_end_ends(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    A token that came before leads in a circle.
    """
    gemini.store("files/a", b"x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GeminiServer, "_page", lambda *_: {"files": [], "nextPageToken": "again"})
        (error,) = client.files.list().errors
    assert (error.code, len(gemini.received)) == ("invalid_response", 2)


def test_an_empty_list_is_an_empty_object(client: OpenAIClient) -> None:
    """
    Google leaves out what is empty.
    """
    result = client.files.list()
    assert (result.success, result.files) == (True, ())


def test_what_a_batch_made_is_downloaded(client: OpenAIClient, gemini: GeminiServer, tmp_path: Path) -> None:
    """
    Whole, into memory or a file; what was uploaded is not given out, and the error says so.
    """
    gemini.store("files/batch-1", b"abc" * 1000, source="GENERATED")
    gemini.store("files/mine", b"abc")
    assert client.files.content("file-batch-1").content == b"abc" * 1000
    assert client.files.download("file-batch-1", str(tmp_path / "out")).success
    assert (tmp_path / "out").read_bytes() == b"abc" * 1000
    (error,) = client.files.content("file-mine").errors
    assert (error.status, error.message) == (400, "The file files/mine cannot be downloaded.")


def test_a_file_is_deleted(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    What is gone is not found.
    """
    gemini.store("files/a", b"x")
    result = client.files.delete("file-a")
    assert (result.success, gemini.files) == (True, {})
    assert [error.status for error in client.files.delete("file-a").errors] == [404]


@pytest.mark.parametrize(
    "file_id",
    [
        *(
            "abc",
            "file-",
            "files/",
            "file-a/b",
            "files/a/b",
            "file-%2e%2e",
            "file-a%2fb",
            "file-a?key=1",
            "file-a:download",
        ),
        *("files/../batches/x", "file-" + "a" * 200, "batch_x", "file-ä", "file-a\\b", "file-a#b", "file-_", "FILES/a"),
    ],
)
def test_odd_ids_are_refused_before_a_request(client: OpenAIClient, gemini: GeminiServer, file_id: str) -> None:
    """
    What cannot be the name of a resource becomes part of no address.
    """
    calls: list[Any] = [client.files.retrieve, client.files.delete, client.files.content]
    for call in calls:
        try:
            codes = [error.code for error in call(file_id).errors]
        except ValueError:  # it has dot segments
            continue
        assert codes == ["invalid_id"]
    assert gemini.received == []


@pytest.mark.parametrize("file_id", ["file-a\0", "file-..", "file-" + "a" * 10_000, "file-a b", "\n"])
def test_ids_that_none_has_are_refused_at_once(client: OpenAIClient, gemini: GeminiServer, file_id: str) -> None:
    """
    They are errors of the caller, and of the flows too.
    """
    if file_id != "file-..":
        with pytest.raises(ValueError, match="cannot be an id"):
            client.files.retrieve(file_id)
    with pytest.raises(OpenAIError):
        path_of(file_id, FILES)
    assert gemini.received == []


def test_what_gemini_cannot_do_is_said_before_anything_is_sent(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Uploads in parts, and another life than 48 hours.
    """
    expiry: dict[str, Any] = {"expires_after": {"anchor": "created_at", "seconds": 3600}, "filename": "a.txt"}
    results: list[OpenAIResult[Any]] = [
        client.files.create(b"abc", "user_data", **expiry),
        client.uploads.create("a.pdf", "user_data", 9),
        client.uploads.add_part("upload_1", io.BytesIO(b"a")),
        client.uploads.complete("upload_1", ["part_1"]),
        client.uploads.cancel("upload_1"),
    ]
    assert [[error.code for error in result.errors] for result in results] == [["unsupported"]] * 5
    assert gemini.received == []
