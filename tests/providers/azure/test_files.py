"""
Files of a resource on this machine, whichever surface is asked.
"""

from __future__ import annotations

import io
import json
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.refusals import error_from
from aikit.http.slices import without_mark
from aikit.http.sources import source_of
from aikit.providers.azure.reading import as_openai_file, page_of
from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile
from tests.azure_server import Resource
from tests.providers.azure.conftest import Make

_DAY = {"anchor": "created_at", "seconds": 86_400}
_BODY = {"model": "mine", "messages": [{"role": "user", "content": "hi"}]}
_LINE = json.dumps({"custom_id": "q1", "method": "POST", "url": "/chat/completions", "body": _BODY}).encode()


class _Pipe(io.RawIOBase):
    """A stream that cannot go back, and gives a byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk, self._left = self._left[:1], self._left[1:]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_a_file_lives_from_its_upload_to_its_deletion(client: OpenAIClient, resource: Resource) -> None:
    """
    Created with 201 or 200, pending without a size at first, then processed, listed, fetched and gone.
    """
    resource.looks = 3
    created = client.files.create(b"abc", "user_data", {"filename": "a.txt"}).throw().file
    assert created is not None
    assert (created.status, created.bytes, created.extra["azure_status"]) == ("uploaded", None, "pending")
    file = client.files.wait(created.id, {"poll_interval": 0.02}).throw().file
    assert file is not None
    assert (file.status, file.bytes, dict(file.extra)) == ("processed", 3, {})
    assert client.files.list().files == (file,)
    assert client.files.content(file.id).throw().text == "abc"
    deleted = client.files.delete(file.id).throw().deleted
    assert deleted is not None
    assert (deleted.id, deleted.deleted) == (file.id, True)
    assert [error.code for error in client.files.retrieve(file.id).errors] == ["notFound"]


def test_a_deletion_may_be_answered_with_nothing(client: OpenAIClient, resource: Resource) -> None:
    """
    Old versions say 204.
    """
    resource.deletes_silently = True
    file = client.files.create(b"abc", "user_data", {"filename": "a.txt"}).throw().file
    assert file is not None
    assert client.files.delete(file.id).throw().deleted
    assert resource.files == {}


def test_expiry_is_said_as_the_surface_reads_it(make: Make, resource: Resource) -> None:
    """
    With a dot on the dated one, with brackets on v1; either keeps it.
    """
    for surface in ("dated", "v1"):
        file = make(surface).files.create(_LINE, "batch", {"expires_after": _DAY}).throw().file
        assert file is not None
        assert file.expires_at == file.created_at + 86_400
    assert [sorted(form) for form in resource.forms] == [
        ["expires_after.anchor", "expires_after.seconds", "purpose"],
        ["expires_after[anchor]", "expires_after[seconds]", "purpose"],
    ]


@pytest.mark.parametrize("mark", [BOM_UTF8, b""])
@pytest.mark.parametrize("form", ["bytes", "path", "stream", "pipe"])
def test_a_mark_is_taken_off_what_is_sent(
    client: OpenAIClient, resource: Resource, tmp_path: Path, mark: bytes, form: str
) -> None:
    """
    The check does not complain, the size is right, and progress ends with all of it; without a mark nothing is lost.
    """
    path = tmp_path / "in.JSONL"
    path.write_bytes(mark + _LINE)
    forms: dict[str, Callable[[], Any]] = {
        "bytes": path.read_bytes,
        "path": lambda: path,
        "stream": lambda: io.BytesIO(path.read_bytes()),
        "pipe": lambda: _Pipe(path.read_bytes()),
    }
    seen: list[Any] = []
    options: dict[str, Any] = {"filename": "in.JSONL", "on_progress": seen.append, "background": True}
    result = client.files.create(forms[form](), "batch", **options)
    assert result.wait(10)
    assert result.errors == ()
    assert list(resource.contents.values()) == [_LINE]
    assert seen[-1].bytes == len(_LINE) or form == "pipe"


def test_many_files_lose_their_marks_and_are_not_sent_twice(
    client: OpenAIClient, resource: Resource, tmp_path: Path
) -> None:
    """
    What the provider has is known again, though it is three bytes less than the file here.
    """
    resource.looks = 0
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(BOM_UTF8 + _LINE + b" " * number)
    paths = sorted(tmp_path.glob("*.jsonl"))
    options: dict[str, Any] = {"skip_identical": True, "expires_after": _DAY, "at_a_time": 2}
    first, second = (client.files.create_many(paths, "batch", **options) for _ in range(2))
    assert (first.counts.uploaded, second.counts.uploaded, second.counts.identical) == (3, 0, 3)
    assert sorted(resource.contents.values()) == [_LINE + b" " * number for number in range(3)]


def test_a_mark_stays_in_what_is_no_jsonl(client: OpenAIClient, resource: Resource) -> None:
    """
    There it is the author's.
    """
    client.files.create(BOM_UTF8 + b"abc", "user_data", {"filename": "a.txt"}).throw()
    assert list(resource.contents.values()) == [BOM_UTF8 + b"abc"]


def test_content_without_its_mark_can_be_sent_again(tmp_path: Path) -> None:
    """
    Each attempt reads it anew; a file that changed meanwhile is told; a pipe of nothing but a mark is empty.
    """
    path = tmp_path / "a.jsonl"
    path.write_bytes(BOM_UTF8 + b"x" * 100_000)
    source = without_mark(source_of(path).resolved())
    for _ in range(2):
        reader = source.open()
        assert reader.read(200_000) == b"x" * 100_000
        assert (reader.read(1), source.size_bytes) == (b"", 100_000)
        reader.close()
    path.write_bytes(b"y")
    with pytest.raises(OpenAIError, match="was changed"):
        source.open()
    bare = without_mark(source_of(_Pipe(BOM_UTF8), filename="a.jsonl").resolved())
    assert (bare.size_bytes, bare.is_replayable, bare.open().read(10)) == (None, False, b"")


def test_other_providers_are_told_of_a_mark() -> None:
    """
    What is sent there is what is there.
    """
    with OpenAIClient(provider="local") as client:
        assert [error.code for error in client.files.create(BOM_UTF8 + _LINE, "batch").errors] == ["bom"]


def test_cursors_work_though_the_dated_list_has_no_pages(client: OpenAIClient, resource: Resource) -> None:
    """
    Newest first, or oldest first, page after page, of one purpose, or all in one.
    """
    ids = [resource.store(f"{n}.txt", "user_data", b"a")["id"] for n in range(5)]
    resource.store("x.jsonl", "batch", _LINE)
    page = client.files.list({"purpose": "user_data", "limit": 2})
    seen = [[file.id for file in page.files]]
    while page.has_more:
        page = page.next_page()
        seen.append([file.id for file in page.files])
    assert seen == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    everything = client.files.list({"purpose": "user_data", "order": "asc", "limit": 2, "all_pages": True})
    assert [file.id for file in everything.files] == ids
    assert [file.id for file in client.files.list({"order": "asc", "after": ids[3], "limit": 1}).files] == [ids[4]]
    usage = client.files.usage().throw().stored
    assert usage is not None
    assert usage.total.files == 6


def test_what_the_dated_surface_is_asked_has_no_cursor(make: Make, resource: Resource) -> None:
    """
    It would not know it.
    """
    resource.store("a.txt", "user_data", b"a")
    make("dated").files.list({"purpose": "user_data", "limit": 1, "order": "asc"})
    assert resource.asked[-1][1] == "/openai/files?purpose=user_data&api-version=2025-04-01-preview"


def test_a_cursor_that_is_gone_is_said() -> None:
    """
    No page is given out for another; what could not be read comes with the first page only.
    """
    files = [OpenAIFile(f"file-{n}", 1, 10, "a", "batch") for n in range(3)]
    whole = FilePage.read({"data": [*map(OpenAIFile.to_wire, files), {"id": "odd"}]}, OpenAIFile.from_wire)
    assert [file.id for file in page_of(whole, {"limit": 2}).files] == ["file-2", "file-1"]  # of one second: by id
    assert (len(page_of(whole, {}).unread), page_of(whole, {"after": "file-1"}).unread) == (1, ())
    with pytest.raises(OpenAIError, match="begin with the first page again"):
        page_of(whole, {"after": "file-9"})


@pytest.mark.parametrize(
    ("said", "status", "raw"),
    [
        ("pending", "uploaded", "pending"),
        ("Running", "uploaded", "running"),
        ("Processed", "processed", None),
        ("error", "error", None),
        ("deleted", "deleted", None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_statuses_are_openais(said: str | None, status: str | None, raw: str | None) -> None:
    """
    What OpenAI does not know is kept beside; a size may be missing altogether.
    """
    wire = {"id": "file-1", "created_at": "2026-11-21T10:00:00.1234567Z", "filename": "a", "purpose": "batch"}
    file = OpenAIFile.from_wire(as_openai_file({**wire, "status": said}))
    assert (file.status, file.extra.get("azure_status"), file.bytes) == (status, raw, None)
    assert file.created_at == 1_795_255_200


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"error": {"code": "invalidPayload", "message": "Bad.", "target": "purpose"}}, "invalidPayload", "Bad."),
        ({"error": {"code": "404", "message": "Resource not found"}}, "404", "Resource not found"),
        ({"statusCode": 401, "message": "Access denied."}, None, "Access denied."),
        (
            {"error": {"code": "x", "message": "Bad file.", "details": [{"code": "y", "message": "Line 2."}]}},
            "x",
            "Bad file.",
        ),
        ({"error": {"code": "x", "message": "No.", "innererror": {"code": "deep"}}}, "x", "No."),
        ({"error": {"code": None, "message": "No.", "type": "invalid_request_error", "param": None}}, None, "No."),
    ],
)
def test_refusals_have_their_words_and_code(body: dict[str, Any], code: str | None, words: str) -> None:
    """
    Of either surface, and of a gateway in front.
    """
    response = Response(status=400, body=json.dumps(body).encode(), request=Request(method="GET", url="https://h"))
    error = error_from(response)
    assert (error.code, error.message) == (code, words)


def test_a_request_is_quoted_by_what_azure_calls_it() -> None:
    """
    Support asks for it.
    """
    headers = Headers({"apim-request-id": "r-1", "x-ms-region": "Sweden Central"})
    response = Response(status=500, headers=headers, request=Request(method="GET", url="https://h"))
    assert error_from(response).request_id == "r-1"


def test_files_without_expiry_are_counted_before_they_are_too_many(client: OpenAIClient, resource: Resource) -> None:
    """
    Once a client, and again when it may matter: a note says so near the quota, and the refusal says how to mend it.
    """
    for _ in range(449):
        resource.store("a.jsonl", "batch", _LINE)
    notes = [client.files.create(_LINE, "batch").notes for _ in range(12)]
    assert [len(note) for note in notes] == [0] * 11 + [1]  # looked at once at 449, and once at 460
    assert notes[-1][0].startswith("460 batch files are kept without expiry; a resource keeps at most 500")
    assert [method for method, _, _ in resource.asked].count("GET") == 2
    assert client.files.create(_LINE, "batch", {"expires_after": _DAY}).throw().notes == ()
    for _ in range(50):
        resource.store("a.jsonl", "batch", _LINE)
    (error,) = client.files.create(_LINE, "batch").errors
    assert (error.code, error.status) == ("quotaExceeded", 400)
    assert "give expires_after" in error.message


def test_that_files_cannot_be_counted_stops_no_upload(make: Make, resource: Resource) -> None:
    """
    A key may be allowed to write and not to list.
    """
    resource.files["odd"] = {"purpose": "batch", "expires_at": 1}
    result = make("v1").files.create(_LINE, "batch")
    assert (result.errors, result.notes) == ((), ())
