"""
Every answer that the embedded provider gives is one that OpenAI describes.
"""

from __future__ import annotations

import io
from pathlib import Path

import attrs
import pytest

from aikit.http.bodies import MultipartBody
from aikit.http.context import CallContext
from aikit.http.messages import Request
from aikit.http.sinks import FileSink
from aikit.http.sources import BytesSource, source_of
from aikit.types.files import FileOrder
from aikit.validation.limits import limits_for
from tests.conformance.checker import Answered, Asked, Checker
from tests.conformance.embedded import BASE, LINE, PROVIDER, SIGNED, Embedded

_EXPIRY = {"anchor": "created_at", "seconds": 3600}


@pytest.mark.parametrize("purpose", limits_for("local").purposes)
def test_each_purpose_is_stored_and_described(embedded: Embedded, checker: Checker, purpose: str) -> None:
    """A new file, the same file asked for, and its deletion are described, whatever it is for."""
    source = source_of(LINE, filename="a.json" if purpose == "assistants" else "a.jsonl").resolved()
    file = embedded.run(PROVIDER.create_file(source, FileOrder(purpose=purpose)))

    assert embedded.run(PROVIDER.retrieve_file(file.id)) == file
    assert embedded.run(PROVIDER.delete_file(file.id)).deleted
    assert [response.status for _, response in embedded.exchanges] == [200, 200, 200]
    assert embedded.complaints(checker) == []


def test_requests_of_the_flows_are_described(embedded: Embedded, checker: Checker) -> None:
    """The embedded provider is asked in the very words that OpenAI is asked in."""
    source = source_of(LINE, purpose="batch").resolved()
    file = embedded.run(PROVIDER.create_file(source, FileOrder(purpose="batch", expires_after=_EXPIRY)))
    embedded.run(PROVIDER.list_files({"limit": 1, "order": "asc", "purpose": "batch"}))
    embedded.run(PROVIDER.file_content(file.id))
    embedded.run(PROVIDER.delete_file(file.id))

    asked = [Asked.of(request, BASE) for request, _ in embedded.exchanges]
    assert [checker.complaints_of(each) for each in asked] == [[]] * 4
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize("name", ["Grüße.txt", 'say "hi".txt', "x" * 255, "a\\b.txt", "back/slash.txt", "\u2028.txt"])
def test_odd_names_are_described(embedded: Embedded, checker: Checker, name: str) -> None:
    """Whatever a file is called, what is said of it stays readable."""
    source = BytesSource(content=memoryview(b"x"), name=name)

    embedded.run(PROVIDER.create_file(source, FileOrder(purpose="user_data")))
    embedded.run(PROVIDER.list_files({}))

    assert [response.status for _, response in embedded.exchanges] == [200, 200]
    assert embedded.complaints(checker) == []


def test_lists_are_described(embedded: Embedded, checker: Checker) -> None:
    """An empty list, a page, the page after it, the last one, and a list of one purpose."""
    embedded.run(PROVIDER.list_files({}))
    for _ in range(3):
        embedded.stored()
    embedded.stored("fine-tune", b'{"a": 1}\n')
    page = embedded.run(PROVIDER.list_files({"limit": 2}))
    last = embedded.run(PROVIDER.list_files({"limit": 2, "after": page.last_id}))
    embedded.run(PROVIDER.list_files({"purpose": "fine-tune", "order": "asc"}))
    embedded.run(PROVIDER.list_files({"purpose": "vision"}))

    assert (len(page.files), page.has_more, len(last.files), last.has_more) == (2, True, 2, False)
    assert embedded.complaints(checker) == []


def test_contents_are_described(embedded: Embedded, checker: Checker) -> None:
    """Content as a whole, and a part of it."""
    file_id = embedded.stored()

    whole = embedded.run(PROVIDER.file_content(file_id))
    part = embedded.ask("GET", f"/files/{file_id}/content", {"Range": "bytes=1-4"})

    assert whole == LINE
    assert (part.status, part.body) == (206, LINE[1:5])
    assert embedded.complaints(checker) == []


def test_a_download_is_described(embedded: Embedded, checker: Checker, tmp_path: Path) -> None:
    """What goes straight to disk comes with the same status and headers."""
    file_id = embedded.stored()
    embedded.exchanges.clear()
    with FileSink(path=tmp_path / "x") as sink:
        assert embedded.run(PROVIDER.download_file(file_id, sink)) == len(LINE)
        sink.commit(len(LINE))

    ((request, response),) = embedded.exchanges
    answered = attrs.evolve(Answered.of(response), body=(tmp_path / "x").read_bytes())
    assert answered.body == LINE
    assert checker.complaints_about(Asked.of(request, BASE), answered) == []


def test_an_expired_file_is_missing_as_described(embedded: Embedded, checker: Checker) -> None:
    """A file with an expiry tells it, and is missing from then on."""
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    file = embedded.upload(LINE, purpose="batch", **fields).json()

    embedded.clock.advance(3600)
    gone = embedded.ask("GET", f"/files/{file['id']}")

    assert file["expires_at"] == file["created_at"] + 3600
    assert gone.status == 404
    assert embedded.complaints(checker) == []


REFUSED_UPLOADS: dict[str, tuple[int, bytes, str, dict[str, str]]] = {
    "no purpose": (400, LINE, "a.jsonl", {}),
    "unknown purpose": (400, LINE, "a.jsonl", {"purpose": "bogus"}),
    "output purpose": (400, LINE, "a.jsonl", {"purpose": "batch_output"}),
    "unknown field": (400, LINE, "a.jsonl", {"purpose": "batch", "colour": "red"}),
    "wrong extension for batch": (400, LINE, "a.txt", {"purpose": "batch"}),
    "no extension for assistants": (400, LINE, "a", {"purpose": "assistants"}),
    "no JSON for batch": (400, b"no JSON\n", "a.jsonl", {"purpose": "batch"}),
    "no JSON for fine-tune": (400, b"{}\nno JSON\n", "a.jsonl", {"purpose": "fine-tune"}),
    "nothing for batch": (400, b"", "a.jsonl", {"purpose": "batch"}),
    "nothing for user_data": (400, b"", "a", {"purpose": "user_data"}),
    "expiry without anchor": (400, LINE, "a.jsonl", {"purpose": "batch", "expires_after[seconds]": "3600"}),
    "expiry without seconds": (400, LINE, "a.jsonl", {"purpose": "batch", "expires_after[anchor]": "created_at"}),
    **{
        f"expiry {seconds}": (
            400,
            LINE,
            "a.jsonl",
            {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": seconds},
        )
        for seconds in ("3599", "2592001", "soon", "", "-1")
    },
    "wrong anchor": (
        400,
        LINE,
        "a.jsonl",
        {"purpose": "batch", "expires_after[anchor]": "now", "expires_after[seconds]": "3600"},
    ),
}


@pytest.mark.parametrize(
    ("status", "content", "filename", "fields"), REFUSED_UPLOADS.values(), ids=list(REFUSED_UPLOADS)
)
def test_refusals_of_uploads_are_described(
    embedded: Embedded, checker: Checker, status: int, content: bytes, filename: str, fields: dict[str, str]
) -> None:
    """Whatever an upload is refused for, the refusal has OpenAI's four fields."""
    assert embedded.upload(content, filename, **fields).status == status
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (404, "GET", "/files/file-missing"),
        (404, "GET", "/files/a%2Fb%20%C3%A9"),
        (404, "DELETE", "/files/file-missing"),
        (404, "GET", "/files/file-missing/content"),
        (404, "GET", "/files?after=file-missing"),
        (400, "GET", "/files?limit=0"),
        (400, "GET", "/files?limit=10001"),
        (400, "GET", "/files?limit=many"),
        (400, "GET", "/files?order=up"),
        (400, "GET", "/files?colour=red"),
        (400, "POST", "/files"),
    ],
)
def test_refusals_of_questions_are_described(
    embedded: Embedded, checker: Checker, status: int, method: str, path: str
) -> None:
    """Whatever a question is refused for, the refusal has OpenAI's four fields."""
    assert embedded.ask(method, path).status == status
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize("purpose", ["assistants", "user_data"])
def test_the_refusal_of_content_is_described(embedded: Embedded, checker: Checker, purpose: str) -> None:
    """Content that OpenAI keeps to itself is refused as described."""
    file_id = embedded.upload(LINE, "a.json", purpose=purpose).json()["id"]

    assert embedded.ask("GET", f"/files/{file_id}/content").status == 400
    assert embedded.complaints(checker) == []


def test_the_refusal_of_a_range_is_described(embedded: Embedded, checker: Checker) -> None:
    """A part behind the end is refused as described."""
    file_id = embedded.stored()

    assert embedded.ask("GET", f"/files/{file_id}/content", {"Range": "bytes=1000-"}).status == 416
    assert embedded.complaints(checker) == []


def test_the_refusal_of_a_large_file_is_described(embedded: Embedded, checker: Checker, tmp_path: Path) -> None:
    """A file above the limit is refused unread, as described."""
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024 + 1)
    body = MultipartBody(fields={"purpose": "batch"}, file_field="file", source=source_of(path).resolved())
    request = Request(method="POST", url=f"{BASE}/files", headers=SIGNED, body=body)

    answered = Answered.of(embedded.transport.send(request, CallContext()))

    assert answered.status == 413
    asked = Asked(method="POST", target="/v1/files", headers={})
    assert checker.complaints_about(asked, answered) == []


def test_trouble_with_the_disk_is_described(embedded: Embedded, checker: Checker) -> None:
    """A folder that cannot be used is a server error as described, on every question."""
    embedded.home.write_bytes(b"no folder")

    assert embedded.upload(LINE, purpose="batch").status == 500
    assert embedded.ask("GET", "/files").status == 500
    assert embedded.ask("GET", "/files/file-1").status == 500
    assert embedded.ask("DELETE", "/files/file-1").status == 500
    assert embedded.ask("GET", "/files/file-1/content").status == 500
    assert embedded.complaints(checker) == []


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [(404, "GET", "/models"), (404, "POST", "/"), (405, "PUT", "/files"), (405, "POST", "/files/file-1")],
)
def test_refusals_of_what_is_not_described_look_alike(
    embedded: Embedded, checker: Checker, status: int, method: str, path: str
) -> None:
    """Where the document has no operation, a refusal has the same four fields."""
    response = embedded.ask(method, path)
    asked = Asked(method="GET", target="/v1/files", headers={})

    assert response.status == status
    assert checker.complaints_about(asked, Answered.of(response)) == []


def test_a_stream_is_stored_and_described(embedded: Embedded, checker: Checker) -> None:
    """Content of unknown size is answered like any other."""
    stream = io.BytesIO(LINE)
    stream.seekable = lambda: False  # type: ignore[method-assign]  # what a pipe says
    source = source_of(stream, filename="a.jsonl").resolved()

    assert source.size_bytes is None
    assert embedded.run(PROVIDER.create_file(source, FileOrder(purpose="batch"))).bytes == len(LINE)
    answered = Answered.of(embedded.exchanges[0][1])
    assert checker.complaints_about(Asked(method="POST", target="/v1/files", headers={}), answered) == []
