"""
Every request that aikit makes is one that OpenAI describes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.http.connections import BLOCK_BYTES
from aikit.resources.polling import LOOKS_S
from aikit.validation.limits import limits_for
from tests.conformance.checker import Answered, Asked, Checker
from tests.conformance.recorder import Recorder, batch_page, json_answer, page

LINE = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}}\n'
EXPIRY = {"anchor": "created_at", "seconds": 3600}

CALLS: dict[str, Callable[[OpenAIClient, Path], Any]] = {
    "create": lambda client, _: client.files.create(LINE, "batch", {"validate": False}),
    "create from a path": lambda client, folder: client.files.create(written(folder), "user_data"),
    "create from a stream": lambda client, _: client.files.create(io.BytesIO(LINE), "batch", {"validate": False}),
    "create with expiry": lambda client, _: client.files.create(LINE, "batch", **{"validate": False} | expiring()),
    "create with callback": lambda client, _: client.files.create(b"x", "user_data", **{"filename": "x"} | heard()),
    "retrieve": lambda client, _: client.files.retrieve("file-1"),
    "wait": lambda client, _: client.files.wait("file-1"),
    "list": lambda client, _: client.files.list(),
    "list ascending": lambda client, _: client.files.list({"order": "asc"}),
    "list descending": lambda client, _: client.files.list({"order": "desc"}),
    "list a page": lambda client, _: client.files.list({"limit": 1, "after": "file-1", "purpose": "batch"}),
    "list the largest page": lambda client, _: client.files.list({"limit": 10_000}),
    "list all pages": lambda client, _: client.files.list({"all_pages": True}),
    "delete": lambda client, _: client.files.delete("file-1"),
    "content": lambda client, _: client.files.content("file-1"),
    "download": lambda client, folder: client.files.download("file-1", folder / "x"),
    "download to a folder": lambda client, folder: client.files.download("file-1", folder),
    "odd id": lambda client, _: client.files.retrieve("a/b%2Fc?d=e#f;é/file-1"),
    "batches: create": lambda client, _: client.batches.create("file-1", "/v1/responses"),
    "batches: create with all options": lambda client, _: client.batches.create(
        "file-1", "/v1/embeddings", **ordered()
    ),
    "batches: retrieve": lambda client, _: client.batches.retrieve("batch_1"),
    "batches: wait": lambda client, _: client.batches.wait("batch_1"),
    "batches: list": lambda client, _: client.batches.list(),
    "batches: list a page": lambda client, _: client.batches.list({"limit": 100, "after": "batch_1"}),
    "batches: list all pages": lambda client, _: client.batches.list({"all_pages": True}),
    "batches: cancel": lambda client, _: client.batches.cancel("batch_1"),
    "batches: odd id": lambda client, _: client.batches.cancel("a/b%2Fc?d=e#f;é/batch_1"),
}


def written(folder: Path) -> Path:
    """Return the path of a new file."""
    path = folder / "report.pdf"
    path.write_bytes(b"%PDF-1.7\n\xff\xfe")
    return path


def expiring() -> dict[str, Any]:
    """Return the option that lets a file expire."""
    return {"expires_after": EXPIRY}


def ordered() -> dict[str, Any]:
    """Return all options of a batch."""
    return {"metadata": {"a": "ü"}, "output_expires_after": EXPIRY, "completion_window": "24h"}


def heard() -> dict[str, Any]:
    """Return the option that makes a call return at once."""
    return {"on_terminate": lambda result: result}


def only_upload(recorder: Recorder) -> tuple[dict[str, list[str]], str | None, bytes]:
    """Return fields, filename and content of the one upload that was written down."""
    (asked,) = recorder.asked
    fields, files = asked.form
    (file,) = files["file"]
    return dict(fields), file.filename, file.stream.read()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_each_call_asks_what_is_described(
    client: OpenAIClient,
    recorder: Recorder,
    checker: Checker,
    tmp_path: Path,
    call: Callable[[OpenAIClient, Path], Any],
) -> None:
    """Method, path, query, key and body of whatever a call sends are as OpenAI describes them."""
    result = call(client, tmp_path)

    assert result.wait(30)
    assert result.errors == ()
    assert recorder.asked
    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]] * len(recorder.asked)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_each_call_sends_who_asks(
    client: OpenAIClient, recorder: Recorder, tmp_path: Path, call: Callable[[OpenAIClient, Path], Any]
) -> None:
    """Key, organization and project go with every request."""
    call(client, tmp_path).wait(30)

    for asked in recorder.asked:
        assert asked.headers["Authorization"] == "Bearer sk-of-a-test"
        assert (asked.headers["OpenAI-Organization"], asked.headers["OpenAI-Project"]) == ("org-1", "proj-1")


@pytest.mark.parametrize("purpose", limits_for("openai").purposes)
def test_each_purpose_is_described(client: OpenAIClient, recorder: Recorder, checker: Checker, purpose: str) -> None:
    """Every purpose that aikit knows is one that OpenAI takes, and goes out as it was given."""
    client.files.create(b"x", purpose, {"filename": "x.jsonl", "validate": False}).throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]]
    assert only_upload(recorder) == ({"purpose": [purpose]}, "x.jsonl", b"x")


@pytest.mark.parametrize("seconds", [3600, 86_400, 2_592_000])
def test_an_expiry_is_described(client: OpenAIClient, recorder: Recorder, checker: Checker, seconds: int) -> None:
    """Every expiry that aikit lets through is within OpenAI's bounds, and is written with brackets."""
    options: dict[str, Any] = {"filename": "x.bin", "expires_after": {"anchor": "created_at", "seconds": seconds}}

    client.files.create(b"x", "user_data", **options).throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]]
    fields = {"purpose": ["user_data"], "expires_after[anchor]": ["created_at"]}
    assert only_upload(recorder)[0] == fields | {"expires_after[seconds]": [str(seconds)]}


@pytest.mark.parametrize("name", ["two words.txt", "Grüße 日本.txt", "it's;a=b&c.txt", "x" * 300, ".hidden"])
def test_a_form_reads_as_it_was_meant(client: OpenAIClient, recorder: Recorder, checker: Checker, name: str) -> None:
    """Another library reads from the form the very name and bytes that were given."""
    content = bytes(range(256)) * 1000 + b"\r\n--"

    client.files.create(content, "user_data", {"filename": name, "validate": False}).throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]]
    assert only_upload(recorder) == ({"purpose": ["user_data"]}, name, content)


@pytest.mark.parametrize("endpoint", limits_for("openai").batch_endpoints)
def test_each_endpoint_is_described(client: OpenAIClient, recorder: Recorder, checker: Checker, endpoint: str) -> None:
    """Every endpoint that aikit knows for batches is one that OpenAI takes, and goes out as it was given."""
    client.batches.create("file-1", endpoint, **ordered()).throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]]
    sent = json.loads(recorder.asked[0].body)
    assert sent.pop("metadata").keys() == {"a", "aikit_intent"}
    assert sent == {
        "input_file_id": "file-1",
        "endpoint": endpoint,
        "completion_window": "24h",
        "output_expires_after": EXPIRY,
    }


def test_the_checker_has_an_eye_on_batches(client: OpenAIClient, recorder: Recorder, checker: Checker) -> None:
    """What OpenAI would not take is complained of: silence about the calls here means something."""
    options: dict[str, Any] = {"completion_window": "7d", "validate": False}
    client.batches.create("file-1", "/v1/rerank", **options).throw()

    assert [len(checker.complaints_of(asked)) for asked in recorder.asked] == [2]


def test_the_search_for_a_lost_batch_is_described(client: OpenAIClient, recorder: Recorder, checker: Checker) -> None:
    """Looking for a batch whose creation was not answered, and asking for it again, are described too."""
    recorder.answers += [json_answer({}, 500), *[json_answer(batch_page() | {"data": []})] * len(LOOKS_S)]

    client.batches.create("file-1", "/v1/responses").throw()

    asked = [(one.method, one.target) for one in recorder.asked]
    looks = [("GET", "/v1/batches?limit=100")] * len(LOOKS_S)
    assert asked[: len(looks) + 2] == [("POST", "/v1/batches"), *looks, ("POST", "/v1/batches")]
    assert set(asked[len(looks) + 2 :]) == set(looks)
    assert {complaint for one in recorder.asked for complaint in checker.complaints_of(one)} == set()
    assert recorder.asked[0].body == recorder.asked[len(looks) + 1].body


def test_a_form_of_unknown_size_is_described(client: OpenAIClient, recorder: Recorder, checker: Checker) -> None:
    """A stream that cannot tell its size makes the same form, sent chunked."""
    stream = io.BytesIO(LINE)
    stream.seekable = lambda: False  # type: ignore[method-assign]  # what a pipe says

    client.files.create(stream, "batch", {"validate": False}).throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[]]
    assert only_upload(recorder) == ({"purpose": ["batch"]}, "file.jsonl", LINE)
    assert recorder.asked[0].headers["Transfer-Encoding"] == "chunked"


def test_following_pages_are_described(client: OpenAIClient, recorder: Recorder, checker: Checker) -> None:
    """The cursor of the page before goes with the question for the next, whoever asks it."""
    recorder.answers += [json_answer(page(has_more=True)), json_answer(page() | {"last_id": "file-2"})]

    first = client.files.list({"limit": 1, "order": "asc", "purpose": "batch"})
    first.next_page().throw()

    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[], []]
    assert recorder.asked[1].query == {"limit": "1", "order": "asc", "purpose": "batch", "after": "file-1"}


def test_the_rest_of_a_broken_download_is_asked_for(
    client: OpenAIClient, recorder: Recorder, checker: Checker, tmp_path: Path
) -> None:
    """The question for what is missing after a break is described just as the first one is."""
    content = bytes(range(256)) * (3 * BLOCK_BYTES // 256)
    came = BLOCK_BYTES + 1
    kind = {"Content-Type": "application/octet-stream", "ETag": '"e"'}
    cut = kind | {"Content-Length": str(len(content))}
    rest = kind | {"Content-Range": f"bytes {came}-{len(content) - 1}/{len(content)}"}
    recorder.answers += [
        Answered(status=200, headers=cut, body=content[:came]),
        Answered(status=206, headers=rest, body=content[came:]),
    ]

    client.files.download("file-1", tmp_path / "x").throw()

    assert (tmp_path / "x").read_bytes() == content
    assert [checker.complaints_of(asked) for asked in recorder.asked] == [[], []]
    assert recorder.asked[1].headers["Range"] == f"bytes={came}-"
    assert recorder.asked[1].headers["If-Range"] == '"e"'


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/x"),
        ("DELETE", "/v1/files/x"),
        ("GET", "/v1/files/x/content"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches"),
        ("GET", "/v1/batches/x"),
        ("POST", "/v1/batches/x/cancel"),
    ],
)
def test_what_stands_in_for_openai_answers_as_described(
    recorder: Recorder, checker: Checker, method: str, target: str
) -> None:
    """The recorder's own answers are OpenAI's, so that the calls here run their usual course."""
    asked = Asked(method=method, target=target, headers={})

    assert checker.complaints_about(asked, recorder.reply_to(asked)) == []
