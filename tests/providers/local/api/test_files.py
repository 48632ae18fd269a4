"""
OpenAI's behaviour: objects, lists, refusals and their words.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.http.messages import Response
from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store
from tests.providers.local.conftest import API, NOON, Clock

DAY = 86_400
BOUND = "Invalid 'expires_after.seconds': integer {} value. Expected a value {}, but got {} instead."
BATCH_FORMAT = "Invalid file format for Batch API. Must be .jsonl"
LINE_FORMAT = (
    "Expected file to have JSONL format, where every line is a valid JSON dictionary. "
    "Line {} is not a valid JSON dictionary."
)
NO_PURPOSE = (
    "Invalid value: 'finetune'. Supported values are: "
    "'assistants', 'batch', 'evals', 'fine-tune', 'user_data', and 'vision'."
)


def error_of(response: Response) -> tuple[int, Any, Any, Any]:
    """
    Return status, message, param and code of a refusal after checking the rest of its shape.
    """
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return response.status, error["message"], error["param"], error["code"]


def test_an_upload_is_answered_with_the_file_object(api: API) -> None:
    """
    The object has exactly the keys of OpenAI's schema that have a value.
    """
    response = api.upload(b"abc", "user_data", "notes.txt")
    file = response.json()
    assert re.fullmatch(r"file-[A-Za-z0-9]{24}", file.pop("id"))
    assert file == {
        "object": "file",
        "purpose": "user_data",
        "filename": "notes.txt",
        "bytes": 3,
        "created_at": NOON,
        "status": "processed",
    }


def test_every_answer_has_the_headers_of_openai(api: API) -> None:
    """
    Success and refusal carry a request id, version, time, rate limit, type and length.
    """
    for response in (api.upload(), api.call("GET", "/files/none"), api.call("PUT", "/files")):
        headers = dict(response.headers)
        assert re.fullmatch(r"req_[0-9a-f]{32}", headers.pop("x-request-id"))
        assert headers.pop("openai-processing-ms").isdigit()
        headers.pop("x-should-retry", None)
        assert headers == {
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "999",
            "x-ratelimit-reset-requests": "60ms",
            "content-type": "application/json",
            "content-length": str(len(response.body)),
        }


def test_retrieve_answers_what_the_upload_did(api: API) -> None:
    """
    The object does not change by being asked for.
    """
    created = api.upload().json()
    assert api.call("GET", f"/files/{created['id']}").json() == created


def test_a_deleted_file_is_gone(api: API) -> None:
    """
    Deleting is confirmed once; afterwards there is no such file for anyone.
    """
    file_id = api.stored_id()
    deleted = api.call("DELETE", f"/files/{file_id}")
    assert (deleted.status, deleted.json()) == (200, {"id": file_id, "object": "file", "deleted": True})
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        refusal = error_of(api.call(method, f"/files/{file_id}{path}"))
        assert refusal == (404, f"No such File object: {file_id}", "id", None)


def test_batch_files_expire_after_thirty_days_to_the_second(api: API, clock: Clock, store: Store) -> None:
    """
    One second before its time a file is there, at its time it is gone from everywhere, the disk included.
    """
    file = api.upload().json()
    assert file["expires_at"] == NOON + 30 * DAY
    blob = store.folder / "blobs" / file["id"]
    clock.seconds = NOON + 30 * DAY - 0.5
    assert api.call("GET", f"/files/{file['id']}").status == 200
    assert blob.exists()
    clock.seconds = NOON + 30 * DAY
    assert api.call("GET", "/files").json()["data"] == []
    assert not blob.exists()
    for path in ("", "/content"):
        assert api.call("GET", f"/files/{file['id']}{path}").status == 404


def test_expires_after_decides_when_a_file_expires(api: API, clock: Clock) -> None:
    """
    What the upload asks for wins over the default, for purposes that have none too.
    """
    for purpose in ("batch", "vision"):
        file = api.upload(b"{}", purpose, "a.jsonl", anchor="created_at", seconds="3600").json()
        assert file["expires_at"] == NOON + 3600
    clock.seconds += 3600
    assert api.call("GET", "/files").json()["data"] == []


def test_expired_files_leave_the_disk_at_the_next_start(api: API, clock: Clock, store: Store) -> None:
    """
    A store that was closed when a file expired removes it when it is opened again.
    """
    api.stored_id()
    clock.seconds += 31 * DAY
    store.close()
    other = Store(store.home, clock)
    assert other.list(limit=1) == ()
    assert list((store.folder / "blobs").iterdir()) == []
    other.close()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        (
            {"anchor": "created_at", "seconds": "3599"},
            (
                BOUND.format("below minimum", ">= 3600", 3599),
                "expires_after.seconds",
                "integer_below_min_value",
            ),
        ),
        (
            {"anchor": "created_at", "seconds": "2592001"},
            (
                BOUND.format("above maximum", "<= 2592000", 2592001),
                "expires_after.seconds",
                "integer_above_max_value",
            ),
        ),
        (
            {"anchor": "created_at", "seconds": "1e4"},
            (
                "Invalid type for 'expires_after.seconds': expected an integer, but got '1e4' instead.",
                "expires_after.seconds",
                "invalid_type",
            ),
        ),
        (
            {"anchor": "last_active_at", "seconds": "3600"},
            (
                "Invalid value: 'last_active_at'. Supported values are: 'created_at'.",
                "expires_after.anchor",
                "invalid_value",
            ),
        ),
        (
            {"seconds": "3600"},
            (
                "Missing required parameter: 'expires_after.anchor'.",
                "expires_after.anchor",
                "missing_required_parameter",
            ),
        ),
        (
            {"anchor": "created_at"},
            (
                "Missing required parameter: 'expires_after.seconds'.",
                "expires_after.seconds",
                "missing_required_parameter",
            ),
        ),
        (
            {"days": "3"},
            ("Unknown parameter: 'expires_after[days]'.", "expires_after[days]", "unknown_parameter"),
        ),
    ],
)
def test_a_wrong_expiry_is_refused(api: API, fields: dict[str, str], refusal: tuple[str, ...]) -> None:
    """
    Bounds, types and missing halves of expires_after are told by name.
    """
    assert error_of(api.upload(**fields)) == (400, *refusal)


@pytest.mark.parametrize(
    ("content", "purpose", "filename", "refusal"),
    [
        (b"{}", "batch", "a.txt", (BATCH_FORMAT, None, None)),
        (b"{}", "batch", "jsonl", (BATCH_FORMAT, None, None)),
        (b"", "batch", "a.jsonl", (BATCH_FORMAT, None, None)),
        (b"\n{}", "batch", "a.jsonl", (BATCH_FORMAT, None, None)),
        (b"{'a': 1}\n", "batch", "a.jsonl", (BATCH_FORMAT, None, None)),
        (b"\xef\xbb\xbf{}", "batch", "a.jsonl", (BATCH_FORMAT, None, None)),
        ("{}".encode("utf-16"), "batch", "a.jsonl", (BATCH_FORMAT, None, None)),
        (b"", "user_data", "a.txt", ("File is empty.", "file", "empty_file")),
        (b"{}\n[]\n", "fine-tune", "a.jsonl", (LINE_FORMAT.format(2), "file", None)),
        (b"{}\n\n{}\n", "fine-tune", "a.jsonl", (LINE_FORMAT.format(2), "file", None)),
        (b"{}\n{}\n{", "fine-tune", "a.jsonl", (LINE_FORMAT.format(3), "file", None)),
        (b"x", "assistants", "a.exe", ("Files with extensions [.exe] are not supported for retrieval.", None, None)),
        (b"x", "assistants", "upload", ("Files with extensions [none] are not supported for retrieval.", None, None)),
        (
            b"x",
            "finetune",
            "a.jsonl",
            (
                NO_PURPOSE,
                "purpose",
                "invalid_value",
            ),
        ),
        (b"x", "", "a.jsonl", ("Missing required parameter: 'purpose'.", "purpose", "missing_required_parameter")),
    ],
)
def test_what_openai_refuses_is_refused_in_its_words(
    api: API, content: bytes, purpose: str, filename: str, refusal: tuple[Any, ...]
) -> None:
    """
    Purpose, name and content are refused with OpenAI's text, param and code, and nothing is stored.
    """
    assert error_of(api.upload(content, purpose, filename)) == (400, *refusal)
    assert api.call("GET", "/files").json()["data"] == []


@pytest.mark.parametrize(
    ("content", "purpose", "filename"),
    [
        (b'{"a": 1}\nnot looked at', "batch", "A.JSONL"),
        (b'{"a": 1}\r\n', "batch", "a.jsonl"),
        (b'{"a": "' + b"x" * 3_000_000 + b'"}\nrest', "batch", "a.jsonl"),
        (b"{}\n{}", "fine-tune", "a.jsonl"),
        (b"{}\r\n{}\r\n", "fine-tune", "a.jsonl"),
        (b"{}\n" + b'{"a": "' + b"x" * 3_000_000 + b'"} \n{}\n', "fine-tune", "a.jsonl"),
        (b"%PDF-", "assistants", "a.b.PDF"),
        (b"anything", "user_data", "no extension"),
        (b"{}", "evals", "a.jsonl"),
    ],
)
def test_what_openai_takes_is_taken(api: API, content: bytes, purpose: str, filename: str) -> None:
    """
    Content that OpenAI does not look at when it is uploaded is not looked at here either.
    """
    assert api.upload(content, purpose, filename).json()["filename"] == filename


@pytest.mark.parametrize("purpose", ["batch", "fine-tune"])
def test_of_a_long_line_only_both_ends_are_looked_at(api: API, purpose: str) -> None:
    """
    More than a megabyte of a line is never held: what lies between its braces is taken as it is.
    """
    inner = b"no JSON" * 300_000
    assert api.upload(b"{" + inner + b"}\n", purpose, "a.jsonl").status == 200
    assert api.upload(b"{" + inner + b"]\n", purpose, "a.jsonl").status == 400
    assert api.upload(b"[" + inner + b"}\n", purpose, "a.jsonl").status == 400


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(lines=st.lists(st.sampled_from([b"{}", b'{"a": [1]}', b"[]", b"x", b""]), max_size=6), cut=st.integers(1, 5))
def test_where_chunks_are_cut_does_not_change_what_is_refused(store: Store, lines: list[bytes], cut: int) -> None:
    """
    A training file gives the same answer in one chunk and in many small ones.
    """
    service = FilesService(store=store)
    content = b"\n".join(lines)
    chunks = [content[place : place + cut] for place in range(0, len(content), cut)]
    answers = {
        (reply.status, reply.body if reply.status != 200 else b"")
        for reply in (service.create({"purpose": "fine-tune"}, "a.jsonl", each) for each in (chunks, [content]))
    }
    assert len(answers) == 1


def test_a_file_that_is_announced_too_large_is_refused_unread(store: Store) -> None:
    """
    When the size is known before, nothing is read.
    """
    reply = FilesService(store=store).create({"purpose": "batch"}, "a.jsonl", iter(()), size_bytes=209_715_201)
    assert reply.status == 413
    assert b'"code":"file_too_large"' in reply.body
    assert b"209715200" in reply.body


def test_a_file_of_unknown_size_is_refused_as_soon_as_it_is_too_large(store: Store) -> None:
    """
    Reading stops at the first chunk over the limit, and what came before is removed.
    """
    chunks = iter([b"{}\n".ljust(1 << 20)] * 250)
    reply = FilesService(store=store).create({"purpose": "batch"}, "a.jsonl", chunks)
    assert reply.status == 413
    assert len(list(chunks)) == 49
    assert list((store.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a b.txt", "a b.txt"),
        ('say "hi".txt', 'say "hi".txt'),
        ("Ünïcødé 🦊.txt", "Ünïcødé 🦊.txt"),
        ("bad\udcff.txt", "bad?.txt"),
    ],
)
def test_names_are_kept_without_folders(store: Store, filename: str, stored: str) -> None:
    """
    A name is data: it is kept as it was given, apart from folders and what cannot be written as UTF-8.
    """
    service = FilesService(store=store)
    assert service.create({"purpose": "user_data"}, filename, [b"x"]).status == 200
    assert [file.filename for file in store.list(limit=2) or ()] == [stored]


@pytest.mark.parametrize("filename", ["..", ".", "a/", "a\nb", "a\0b", "x" * 256])
def test_names_that_are_none_are_refused(store: Store, filename: str) -> None:
    """
    No name, control characters and more than 255 bytes are refused with a clear error.
    """
    reply = FilesService(store=store).create({"purpose": "user_data"}, filename, [b"x"])
    assert reply.status == 400
    assert b'"code":"invalid_filename"' in reply.body


def test_a_form_without_a_file_is_refused(store: Store) -> None:
    """
    What is missing is named.
    """
    reply = FilesService(store=store).create({"purpose": "user_data"}, None, ())
    assert b"Missing required parameter: 'file'." in reply.body


def names(api: API, query: str = "") -> list[str]:
    """
    Return the names in a list, without their extension.
    """
    return [file["filename"][:-6] for file in api.call("GET", f"/files{query}").json()["data"]]


def test_lists_are_ordered_by_age_and_then_by_arrival(api: API, clock: Clock) -> None:
    """
    Newest first is the default; files of one second keep the order in which they came.
    """
    for name in "abc":
        api.upload(filename=f"{name}.jsonl")
    clock.seconds += 1
    api.upload(filename="d.jsonl")
    clock.seconds -= 2
    api.upload(filename="e.jsonl")
    assert names(api) == ["d", "c", "b", "a", "e"]
    assert names(api, "?order=asc") == ["e", "a", "b", "c", "d"]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_make_up_the_whole_list(api: API, clock: Clock, order: str) -> None:
    """
    Going from cursor to cursor shows every file once, whatever the order.
    """
    for number in range(10):
        clock.seconds += number % 3 == 0
        api.upload(filename=f"{number}.jsonl")
    seen: list[str] = []
    after, has_more = "", True
    while has_more:
        page = api.call("GET", f"/files?limit=3&order={order}{after}").json()
        ids = [file["id"] for file in page["data"]]
        assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
        seen += ids
        after, has_more = f"&after={page['last_id']}", page["has_more"]
    assert seen == [file["id"] for file in api.call("GET", f"/files?order={order}").json()["data"]]


def test_a_list_can_be_of_one_purpose(api: API) -> None:
    """
    Only files of that purpose are shown; a purpose that nobody has gives an empty page.
    """
    api.upload(filename="a.jsonl")
    api.upload(b"{}", "evals", "b.jsonl")
    assert names(api, "?purpose=evals") == ["b"]
    assert names(api, "?purpose=no%20such") == []


def test_an_empty_page_has_empty_ids(api: API) -> None:
    """
    OpenAI's schema requires strings there.
    """
    page = {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}
    assert api.call("GET", "/files").json() == page


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        (
            "limit=0",
            (
                400,
                "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
                "limit",
                "integer_below_min_value",
            ),
        ),
        (
            "limit=10001",
            (
                400,
                "Invalid 'limit': integer above maximum value. Expected a value <= 10000, but got 10001 instead.",
                "limit",
                "integer_above_max_value",
            ),
        ),
        (
            "limit=ten",
            (400, "Invalid type for 'limit': expected an integer, but got 'ten' instead.", "limit", "invalid_type"),
        ),
        (
            "order=up",
            (400, "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.", "order", "invalid_value"),
        ),
        ("after=file-gone", (404, "No such File object: file-gone", "after", None)),
        ("page=2", (400, "Unknown parameter: 'page'.", "page", "unknown_parameter")),
    ],
)
def test_a_wrong_list_query_is_refused(api: API, query: str, refusal: tuple[Any, ...]) -> None:
    """
    Bounds, types and cursors that nobody knows are told by name.
    """
    assert error_of(api.call("GET", f"/files?{query}")) == refusal


@pytest.mark.parametrize("purpose", ["assistants", "user_data"])
def test_content_that_openai_keeps_to_itself_is_refused(api: API, purpose: str) -> None:
    """
    Files of these purposes can be uploaded but not downloaded.
    """
    file_id = api.stored_id(b"x", purpose, "a.txt")
    message = f"Not allowed to download files of purpose: {purpose}"
    assert error_of(api.content(file_id)) == (400, message, None, None)
