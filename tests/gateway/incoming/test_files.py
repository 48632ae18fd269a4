"""
Tests of files that come with a form.
"""

from __future__ import annotations

import asyncio
import errno
import json
from io import FileIO
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from aikit.gateway.incoming.line_check import FileRules
from aikit.gateway.incoming.slow_clients import Pace
from aikit.gateway.incoming.spool import Spool
from aikit.gateway.values import Deployment
from aikit.types.errors import OpenAIError, Rejected
from aikit.validation.limits import limits_for
from tests.gateway.incoming.sending import (
    BOUNDARY,
    Caps,
    batch_line,
    field,
    file,
    form,
    left_in,
    pieces,
    receive,
    request_of,
)

_GOOD = b"\n".join(batch_line(number) for number in range(3)) + b"\n"
_BATCH = field("purpose", "batch")


def _refused(spool: Spool, body: Any, **options: Any) -> OpenAIError:
    """
    Return the first error with which a body is refused, after which nothing is left.
    """
    with pytest.raises((OpenAIError, Rejected)) as caught:
        asyncio.run(receive(spool, body, **options))
    assert left_in(spool) == []
    error = caught.value
    if isinstance(error, Rejected):
        return error.errors[0]
    assert isinstance(error, OpenAIError)
    return error


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_a_batch_file_is_kept_byte_for_byte_while_it_is_needed(spool: Spool, size: int) -> None:
    """
    However the body is cut, the file is what was sent, its facts are told, and it is gone after the block.
    """

    async def run() -> None:
        with await receive(spool, form(_BATCH, file(_GOOD), field("user", "anna")), size=size) as spooled:
            assert spooled.path.read_bytes() == _GOOD
            assert spooled.size_bytes == len(_GOOD)
            assert (spooled.filename, spooled.content_type) == ("batch.jsonl", "application/jsonl")
            assert spooled.fields == {"purpose": "batch", "user": "anna"}
            assert spooled.source.purpose == "batch"
            assert spooled.facts is not None
            facts = spooled.facts.to_json()
            assert facts["lines"] == 3
            assert facts["endpoints"] == ["/v1/chat/completions"]
            assert facts["models"]["gpt-4o-mini"]["requests"] == 3
            assert facts["models"]["gpt-4o-mini"]["output_tokens"] == 30
            assert 20 < facts["models"]["gpt-4o-mini"]["input_tokens"] < 60

    asyncio.run(run())
    assert left_in(spool) == []


@pytest.mark.parametrize("place", [0, 1])
def test_all_problems_are_one_refusal_wherever_purpose_stands(spool: Spool, place: int) -> None:
    """
    Each problem has its line; the first is told in LiteLLM's words, too.
    """
    content = b'{"custom_id": "a"\n' + batch_line(1) + b"\n" + batch_line(1) + b"\n[1]\n"
    parts = [file(content)]
    parts.insert(place, _BATCH)
    with pytest.raises(Rejected) as caught:
        asyncio.run(receive(spool, form(*parts)))
    first, *others = caught.value.errors
    assert first.message.startswith(
        "Batch input file line 1 is not valid JSON. The file was not forwarded to the provider.\nline 1:"
    )
    assert (first.status, first.type, first.param) == (400, "invalid_request_error", "file")
    assert [(error.line, error.code) for error in others] == [
        (1, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "invalid_json_line"),
    ]
    assert "line 3: The custom_id 'r-1'" in first.message
    assert left_in(spool) == []


@pytest.mark.parametrize(
    ("content", "name", "message", "param"),
    [
        (b"\n\n", "a.jsonl", "Batch input file has no request lines. The file was not", "file"),
        (b"", "a.jsonl", "Batch input file has no request lines. The file was not", "file"),
        (b"[]\n", "a.jsonl", "Batch input file line 1 must be a JSON object. The file was not", "file"),
        (_GOOD, "a.txt", "Invalid file format for Batch API: 'a.txt'. Batch input files must be .jsonl files.", "file"),
        (
            b'{"custom_id":"a","url":"/v1/embeddings","body":{"model":"m","input":"x"}}',
            "a.jsonl",
            "Missing required parameter: 'method' (batch input file line 1). Each line must be a JSON object with key",
            "method",
        ),
    ],
)
def test_what_litellm_refuses_is_told_in_its_words(
    spool: Spool, content: bytes, name: str, message: str, param: str
) -> None:
    """
    Clients that look for LiteLLM's sentences and params find them.
    """
    error = _refused(spool, form(_BATCH, file(content, name)))
    assert error.message.startswith(message)
    assert (error.status, error.param, error.type) == (400, param, "invalid_request_error")


@pytest.mark.parametrize(
    ("caps", "status", "message"),
    [
        (Caps(max_file_size_bytes=100), 413, "Uploaded file exceeds the configured max_file_size_mb of"),
        (Caps(max_batch_file_size_bytes=100), 413, "Batch input file is 0.0 MB, which exceeds the configured max"),
        (Caps(max_request_size_bytes=100), 413, "The body of the request is larger than"),
        (Caps(allowed_file_extensions=(".pdf",)), 400, "File extension '.jsonl' is not in this proxy's allowed_file"),
        (Caps(blocked_file_extensions=(".jsonl",)), 400, "File extension '.jsonl' is blocked by this proxy's blocked"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_bounds_of_the_settings_are_kept(spool: Spool, caps: Caps, status: int, message: str, place: int) -> None:
    """
    A file beyond a bound is refused in LiteLLM's words, wherever its purpose stands.
    """
    parts = [file(_GOOD)]
    parts.insert(place, _BATCH)
    error = _refused(spool, form(*parts), caps=caps)
    assert (error.status, error.type) == (status, "invalid_request_error")
    assert error.message.startswith(message)


def test_more_records_than_allowed_are_refused_with_the_bound_and_its_place(spool: Spool) -> None:
    """
    Reading ends at the first line too many; blank lines at the end do not count.
    """

    def rules(_: Any) -> FileRules:
        return FileRules(max_records=3, max_records_source="in this key's metadata")

    asyncio.run(receive(spool, form(_BATCH, file(_GOOD + b"\n \n")), rules=rules)).__exit__(None, None, None)
    error = _refused(spool, form(_BATCH, file(_GOOD + batch_line(9))), rules=rules)
    assert error.message == (
        "Batch input file has more than 3 records, which exceeds the max_batch_file_records of 3 set in this key's "
        "metadata. The file was not forwarded to the provider."
    )
    assert (error.status, error.code, error.param) == (413, "too_many_tasks", "file")


@pytest.mark.parametrize("place", [0, 1])
def test_names_of_models_become_those_of_the_account(spool: Spool, place: int) -> None:
    """
    The name of the configuration is replaced in each line and nothing else is, even where it stands elsewhere too.
    """
    deployment = Deployment(name="a", provider="openai", models={"mine": "gpt-4o", "their/*": "gpt-*"})
    lines = [
        batch_line(1, "mine", metadata={"model": "mine"}),
        batch_line(2, "mine").replace(b'"model": ', b'"model" :\t'),
        batch_line(3, "mine").replace(b'"model"', b'"m\\u006fdel"') + b"\r",
    ]
    parts = [file(b"\n".join(lines))]
    parts.insert(place, _BATCH)

    def rules(_: Any) -> FileRules:
        return FileRules(deployment=deployment)

    async def run() -> bytes:
        with await receive(spool, form(*parts), rules=rules) as spooled:
            assert spooled.facts is not None
            assert list(spooled.facts.models) == ["mine"]
            content = spooled.path.read_bytes()
            assert spooled.size_bytes == len(content)
            return content

    first, second, third, rest = asyncio.run(run()).split(b"\n")
    assert first == lines[0].replace(b'"mine"', b'"gpt-4o"', 1)
    assert second == lines[1].replace(b'"mine"', b'"gpt-4o"')
    assert b'"gpt-4o"' in third
    assert rest == b""
    assert left_in(spool) == []


@pytest.mark.parametrize("spelled", [b'"their/4"', b'"their\\/4"', b'"th\\u0065ir/4"'])
def test_a_name_is_replaced_however_it_is_spelled(spool: Spool, spelled: bytes) -> None:
    """
    JSON has several ways to write a letter.
    """
    deployment = Deployment(name="a", provider="openai", models={"their/*": "gpt-*"})
    line = batch_line(1, "MODEL").replace(b'"MODEL"', spelled)

    async def run() -> bytes:
        with await receive(
            spool, form(_BATCH, file(line)), rules=lambda _: FileRules(deployment=deployment)
        ) as spooled:
            return spooled.path.read_bytes()

    assert json.loads(asyncio.run(run()))["body"]["model"] == "gpt-4"


def test_fields_after_the_file_may_change_what_it_must_obey(spool: Spool) -> None:
    """
    What was checked for one account while it came is checked anew for the one that a later field names.
    """

    def rules(fields: Any) -> FileRules:
        models = {"mine": "gpt-4o"} if fields.get("model") == "mine" else {"mine": "another"}
        return FileRules(deployment=Deployment(name="a", provider="openai", models=models))

    async def run() -> bytes:
        body = form(_BATCH, file(batch_line(1, "mine")), field("model", "mine"))
        with await receive(spool, body, rules=rules) as spooled:
            return spooled.path.read_bytes()

    assert b'"gpt-4o"' in asyncio.run(run())
    assert left_in(spool) == []


@pytest.mark.parametrize(
    ("parts", "param", "message"),
    [
        ([_BATCH], "file", "Missing required parameter: 'file'."),
        ([file(_GOOD)], "purpose", "Missing required parameter: 'purpose'."),
        ([_BATCH, file(_GOOD), file(_GOOD)], "file", "Two parts are called 'file'"),
        ([_BATCH, file(_GOOD, part="other")], "other", "Unknown file 'other'"),
        ([_BATCH, field("file", "text")], "file", "The part 'file' must be a file"),
        ([_BATCH, _BATCH, file(_GOOD)], "purpose", "Invalid value for 'purpose': send it once"),
        ([field("purpose", "finetune"), file(_GOOD)], "purpose", 'Purpose "finetune"'),
    ],
)
def test_forms_that_say_too_little_or_too_much_are_refused(
    spool: Spool, parts: list[bytes], param: str, message: str
) -> None:
    """
    The error names the part that is at fault.
    """

    def rules(_: Any) -> FileRules:
        return FileRules(limits=limits_for("openai"))

    error = _refused(spool, form(*parts), rules=rules)
    assert (error.status, error.param) == (400, param)
    assert error.message.startswith(message)


def test_a_part_of_an_upload_may_be_anything(spool: Spool) -> None:
    """
    Without rules no name, content or purpose is looked at.
    """

    async def run() -> None:
        body = form(file(b"\0\1", "x.exe", part="data"))
        caps = Caps(blocked_file_extensions=(".exe",))
        with await receive(spool, body, rules=None, part="data", caps=caps) as spooled:
            assert spooled.path.read_bytes() == b"\0\1"
            assert spooled.facts is None

    asyncio.run(run())


def test_a_client_that_dies_leaves_nothing(spool: Spool) -> None:
    """
    A body that ends in the middle is no file.
    """
    body = form(_BATCH, file(_GOOD * 1_000))[:-20]
    with pytest.raises(ClientDisconnect):
        asyncio.run(receive(spool, request_of(pieces(body, 10_000), is_cut=True)))
    assert left_in(spool) == []


def test_a_request_that_is_cancelled_leaves_nothing(spool: Spool) -> None:
    """
    What a thread has begun for it ends, and then the file goes.
    """

    async def run() -> None:
        body = form(_BATCH, file(_GOOD * 10_000))
        task = asyncio.create_task(receive(spool, request_of(pieces(body, 100_000))))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert left_in(spool) == []


def test_a_body_without_an_end_is_refused(spool: Spool) -> None:
    """
    The last boundary is missing, so that the file may be cut.
    """
    error = _refused(spool, _BATCH + file(_GOOD))
    assert (error.status, error.code) == (400, "invalid_multipart")


@pytest.mark.parametrize("length", ["10", "999999"])
def test_a_body_of_another_length_than_announced_is_refused(spool: Spool, length: str) -> None:
    """
    Content-Length and what came are compared.
    """
    body = form(_BATCH, file(_GOOD))
    error = _refused(spool, request_of(pieces(body, 1_000), content_length=length))
    assert (error.status, error.code) == (400, "size_mismatch")


@pytest.mark.parametrize("caps", [Caps(max_file_size_bytes=2**30), Caps(max_request_size_bytes=2**30)])
def test_ten_gigabytes_are_refused_before_a_byte_is_read(spool: Spool, caps: Caps) -> None:
    """
    The length that is announced is enough.
    """

    async def never() -> Any:
        pytest.fail("the body was asked for")

    request = request_of([], content_length=str(10 * 2**30))
    request._receive = never
    assert _refused(spool, request, caps=caps).status == 413


class _Full(FileIO):
    """
    A file on a disk that is full.
    """

    def write(self, data: Any) -> int:
        """
        Fail.
        """
        if len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return 0


def test_a_full_disk_is_told_and_leaves_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The answer is 507, and says to try later.
    """
    monkeypatch.setattr("aikit.gateway.incoming.spool.FileIO", _Full)
    error = _refused(spool, form(_BATCH, file(_GOOD)))
    assert (error.status, error.code) == (507, "insufficient_storage")


def test_a_line_longer_than_is_held_in_memory_needs_the_disk_too(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is whole again when its end comes, and a full disk is told as one.
    """
    content = batch_line(1, user="x" * 2_000_000) + b"\n" + batch_line(2)

    async def run() -> None:
        with await receive(spool, form(_BATCH, file(content)), size=100_000) as spooled:
            assert spooled.facts is not None
            assert spooled.facts.lines == 2
            assert spooled.path.read_bytes() == content

    asyncio.run(run())
    assert left_in(spool) == []
    monkeypatch.setattr("aikit.gateway.incoming.spool.FileIO", _Full)
    assert _refused(spool, form(_BATCH, file(content)), size=100_000).status == 507


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_read(spool: Spool) -> None:
    """
    The announced length is compared with what is free.
    """
    assert _refused(spool, request_of([], content_length=str(10**18))).status == 507


def test_a_body_that_comes_too_slowly_is_refused(spool: Spool) -> None:
    """
    A client that sends nothing for the grace has had its time.
    """

    async def silent() -> Any:
        await asyncio.sleep(60)

    request = request_of([])
    request._receive = silent
    assert _refused(spool, request, pace=Pace(grace_s=0.05)).status == 408


def test_the_boundary_may_be_quoted_in_the_header(spool: Spool) -> None:
    """
    Both spellings of the header are read.
    """
    content_type = f'multipart/form-data; boundary="{BOUNDARY}"'
    request = request_of(pieces(form(_BATCH, file(_GOOD)), 99), content_type)
    with asyncio.run(receive(spool, request)) as spooled:
        assert spooled.path.read_bytes() == _GOOD
