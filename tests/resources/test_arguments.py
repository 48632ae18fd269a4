"""
Ids and paths that callers give.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from aikit import OpenAIClient, OpenAIFileListResult, OpenAIFileResult
from aikit.http.messages import Request
from aikit.providers.openai import OpenAIProvider
from aikit.resources.arguments import require_id, require_path
from aikit.storage import home_folder
from aikit.types.files import OpenAIFile
from tests.scripted_server import Received, answer, serving


def _asked(call: Callable[[OpenAIClient], object]) -> Received:
    """
    Return the first request of *call*.
    """
    refusal = answer(400, b'{"error": {"message": "no"}}')
    with serving(refusal) as server, OpenAIClient("sk-1", base_url=server.url, ledger=False) as client:
        call(client)
        return server.received[0]


@pytest.mark.parametrize("value", ["file-1", "a.b", "a..b", "projects/x/files/1"])
def test_ids_of_all_providers_are_taken(value: str) -> None:
    """
    Dots within a segment and several segments are no reason to refuse an id: it is asked for, as one segment.
    """
    require_id("file_id", value)
    request = next(OpenAIProvider().retrieve_file(value))
    assert isinstance(request, Request)
    assert unquote(request.url.rpartition("/")[2]) == value


@pytest.mark.parametrize("value", ["", "a b", "a\xa0b", "a\n", "..", "../x", "a/..", "a\\.\\b", "a\x00"])
def test_what_cannot_be_an_id_is_refused_by_name(value: str) -> None:
    """
    White space, control characters and dot segments would make another URL.
    """
    with pytest.raises(ValueError, match="file_id"):
        require_id("file_id", value)


@pytest.mark.parametrize(
    "value",
    ["questions.jsonl", "data/questions.JSONL", "./questions", "~/questions", "C:\\questions", "a b.json"],
)
def test_path_in_place_of_an_id_is_told_as_such(value: str) -> None:
    """
    Nothing is uploaded unasked, for that would leave a file at the provider: the message says what to do.
    """
    with pytest.raises(ValueError, match=r"is a path, and no id; upload the file first, with files\.create"):
        require_id("input_file_id", value)
    with pytest.raises(ValueError, match=r"batch_id '.*' is a path, and no id; batches\.create returns"):
        require_id("batch_id", value)


@pytest.mark.parametrize(
    "value",
    [
        "gs://bucket/questions.jsonl",
        "gs%3A%2F%2Fbucket%2Fquestions.jsonl",
        "gs%253A%252F%252Fbucket%252Fquestions.jsonl",
        "https://account.blob.core.windows.net/in/questions.jsonl",
        "projects/p/locations/l/batchPredictionJobs/1",
        "file-abc.v2",
    ],
)
def test_address_of_a_file_may_be_its_id(value: str) -> None:
    """
    Some providers name files by addresses, as they are or encoded, and others with dots: it is sent as it is.
    """
    asked = _asked(lambda client: client.batches.create(value, "/v1/chat/completions", max_retries=0))
    assert json.loads(asked.body)["input_file_id"] == value


_BATCH, _UPLOAD, _PART = "batch_" + "a1" * 16, "upload_" + "Z9" * 12, "part_" + "0f" * 16


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("batch_id", "file-abc", "is the id of a file, not of a batch; batches.create returns"),
        ("batch", _UPLOAD, "is the id of an upload, not of a batch"),
        ("file_id", _BATCH, "is the id of a batch, not of a file; .* a batch has the ids of its files"),
        ("file_id", "batch_67a1", "is the id of a batch, not of a file"),
        ("input_file_id", _UPLOAD, "is the id of an upload, not of a file; upload the file first"),
        ("upload_id", "file-abc", "is the id of a file, not of an upload; uploads.create returns"),
        ("part_ids", _UPLOAD, "is the id of an upload, not of a part; uploads.add_part returns"),
        ("upload_id", _PART, "is the id of a part, not of an upload"),
        ("file", _BATCH, "is the id of a batch, not of a file"),
    ],
)
def test_id_of_another_kind_is_refused(name: str, value: str, says: str) -> None:
    """
    What is at every provider the id of something else is told before it is asked for.
    """
    with pytest.raises(ValueError, match=f"{name} '{value}' {says}"):
        require_id(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("file_id", "batch_output_1"),
        ("file_id", "batch_x"),
        ("file_id", "batch-results"),
        ("batch_id", "file_abc"),
        ("batch_id", "123"),
        ("batch_id", "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        ("batch_id", "file-bGl0ZWxsbTpiYXRjaDsx"),
        ("file_id", "batch_bGl0ZWxsbTpmaWxlOzE"),
        ("upload_id", "x"),
        ("file_id", "upload"),
    ],
)
def test_id_of_whatever_kind_is_asked_for(name: str, value: str) -> None:
    """
    Providers name their objects as they like, and gateways encode ids: no doubt is decided here.
    """
    calls: dict[str, Callable[[OpenAIClient], object]] = {
        "file_id": lambda client: client.files.retrieve(value),
        "batch_id": lambda client: client.batches.retrieve(value),
        "upload_id": lambda client: client.uploads.cancel(value),
    }
    assert value in _asked(calls[name]).path.split("/")


_FIRST = r"upload the file first"
_OBJECT = r"give its id: write \.id behind it"
_LISTED = r"give the id of one of those that it lists: write \[0\]\.id behind it"
_RESULT = r"give the id of what it carries: write \.unwrap\(\)\.id behind it"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Path("questions.jsonl"), _FIRST),
        (b"{}", _FIRST),
        (5, _FIRST),
        (None, _FIRST),
        (OpenAIFile("file-1", 1, 1, "in.jsonl", "batch"), _OBJECT),
        (OpenAIFileResult(), _RESULT),
        (OpenAIFileListResult(), _LISTED),
    ],
)
def test_object_in_place_of_an_id_is_refused_with_what_to_do(value: Any, says: str) -> None:
    """
    A path, content, the file itself or the result of its upload is no id.
    """
    with pytest.raises(TypeError, match=rf"input_file_id must be a string, not \w+; {says}"):
        require_id("input_file_id", value)


def test_nothing_is_sent_for_what_is_no_id() -> None:
    """
    The calls raise, and the embedded provider makes no folder.
    """
    with OpenAIClient(provider="local") as client:
        for call in (
            lambda: client.batches.create("questions.jsonl", "/v1/chat/completions"),
            lambda: client.batches.retrieve("file-abc"),
            lambda: client.batches.results("results.jsonl"),
            lambda: client.files.retrieve(_BATCH),
            lambda: client.files.content("out.jsonl"),
            lambda: client.files.download("out.jsonl", "file-abc"),
            lambda: client.batches.estimate(_BATCH),
            lambda: client.uploads.complete(_UPLOAD, ["file-abc"]),
        ):
            with pytest.raises(ValueError, match=r"is a path, and no id|is the id of"):
                call()
    assert not home_folder().exists()


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (b"a", TypeError, "os.fsdecode"),
        (3, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
        ("", ValueError, "empty"),
        ("a\0b", ValueError, "NUL"),
    ],
)
def test_what_is_no_path_is_refused_by_name(value: Any, error: type[Exception], says: str) -> None:
    """
    The message names the argument, and says what to do about bytes.
    """
    with pytest.raises(error, match=f"place must .*{says}"):
        require_path("place", value)


def test_a_path_is_given_back_as_text() -> None:
    """
    A `Path` and a string are the same, a separator at the end stays.
    """
    assert require_path("path", Path("a") / "b") == str(Path("a/b"))
    assert require_path("path", "a/") == "a/"
