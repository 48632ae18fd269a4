"""
Uploads to a foreign server: what arrives there is what was given here, byte for byte.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, Progress
from tests.foreign.aimock import FILE_MAX_BYTES, Aimock
from tests.foreign.conftest import Manner, noise, sha256

pytestmark = pytest.mark.foreign

SIZES = (1, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 3_000_001, FILE_MAX_BYTES)


class Pipe(io.RawIOBase):
    """
    A stream that can neither go back nor tell its size.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give up to a thousand bytes at a time."""
        chunk = self._content.read(min(len(buffer), 1000))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_a_path_arrives_byte_for_byte(client: OpenAIClient, aimock: Aimock, manner: Manner, tmp_path: Path) -> None:
    """A file on disk is stored there with its name, its size and its bytes."""
    content = noise(100_000)
    path = tmp_path / "report.pdf"
    path.write_bytes(content)

    result = manner(client.files.create, path, "user_data")

    assert result.errors == ()
    assert (result.file.filename, result.file.bytes, result.file.purpose) == ("report.pdf", 100_000, "user_data")
    assert [upload["sha256"] for upload in aimock.uploads()] == [sha256(content)]
    assert client.files.content(result.file.id).content == content


def test_bytes_arrive_byte_for_byte(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """Bytes in memory are stored there under the name that is given for them."""
    content = noise(100_000, seed=1)

    result = manner(client.files.create, content, "assistants", filename="noise.bin")

    assert result.errors == ()
    assert result.file.filename == "noise.bin"
    assert [upload["sha256"] for upload in aimock.uploads()] == [sha256(content)]


def test_a_stream_is_sent_from_where_it_stands(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """Of a stream that was read from already, the rest arrives, and nothing but the rest."""
    content = noise(300_000, seed=2)
    stream = io.BytesIO(content)
    stream.seek(1234)

    result = manner(client.files.create, stream, "user_data", filename="rest.bin")

    assert result.errors == ()
    assert [upload["sha256"] for upload in aimock.uploads()] == [sha256(content[1234:])]
    assert not stream.closed


def test_a_stream_of_unknown_size_arrives_whole(client: OpenAIClient, aimock: Aimock, manner: Manner) -> None:
    """A stream that cannot tell its size is sent chunked."""
    content = noise(300_000, seed=3)

    result = manner(client.files.create, Pipe(content), "user_data", filename="piped.bin")

    assert result.errors == ()
    assert [upload["sha256"] for upload in aimock.uploads()] == [sha256(content)]
    assert aimock.journal()[0]["headers"]["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("size", SIZES)
def test_every_size_arrives_whole(client: OpenAIClient, aimock: Aimock, size: int) -> None:
    """Sizes around the blocks that bodies are sent in are neither cut nor padded."""
    content = noise(size, seed=size)

    result = client.files.create(content, "user_data", {"filename": "x.bin"})

    assert result.errors == ()
    assert [(upload["bytes"], upload["sha256"]) for upload in aimock.uploads()] == [(size, sha256(content))]


def test_content_that_looks_like_a_form_arrives_whole(client: OpenAIClient, aimock: Aimock) -> None:
    """Lines that look like the boundaries of a form are content like any other."""
    content = b'\r\n--aikit\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--aikit--\r\n'

    result = client.files.create(content, "user_data", {"filename": "form.txt"})

    assert result.errors == ()
    assert [upload["sha256"] for upload in aimock.uploads()] == [sha256(content)]


@pytest.mark.parametrize(
    "name", ["plain.txt", "two words.txt", "Grüße.txt", "日本語.txt", "it's;a=b.txt", "ends.in.dots..."]
)
def test_a_name_arrives_as_it_is(client: OpenAIClient, aimock: Aimock, name: str) -> None:
    """Names with blanks, signs and letters of any script are understood there as they were given."""
    result = client.files.create(b"content", "user_data", {"filename": name})

    assert result.errors == ()
    assert [upload["filename"] for upload in aimock.uploads()] == [name]


def test_a_quote_in_a_name_is_escaped_as_browsers_do(client: OpenAIClient, aimock: Aimock) -> None:
    """A quotation mark cannot end the name early; this server keeps the escape as it came."""
    result = client.files.create(b"content", "user_data", {"filename": 'say "hi".txt'})

    assert result.errors == ()
    assert [upload["filename"] for upload in aimock.uploads()] == ["say %22hi%22.txt"]


def test_progress_reaches_the_end(client: OpenAIClient, manner: Manner) -> None:
    """Reports of an upload never go backwards, and the last one is about all bytes of the body."""
    reports: list[Progress] = []

    result = manner(client.files.create, noise(5_000_000), "user_data", filename="x.bin", on_progress=reports.append)

    assert result.errors == ()
    assert {report.phase for report in reports} == {"uploading"}
    assert [report.bytes for report in reports] == sorted(report.bytes for report in reports)
    assert reports[-1].bytes == reports[-1].total


def test_many_uploads_at_once_arrive_whole(client: OpenAIClient, aimock: Aimock) -> None:
    """Of a hundred uploads that are under way together, each arrives once and unmixed."""
    contents = [noise(20_000 + number, seed=number) for number in range(100)]

    results = [
        client.files.create(content, "user_data", {"filename": f"{number}.bin", "background": True})
        for number, content in enumerate(contents)
    ]

    assert all(result.wait(60) and result.success for result in results)
    arrived = {upload["filename"]: upload["sha256"] for upload in aimock.uploads()}
    assert arrived == {f"{number}.bin": sha256(content) for number, content in enumerate(contents)}
    assert len(aimock.uploads()) == 100


def test_a_purpose_of_the_servers_own_is_left_to_the_server(
    client: OpenAIClient, aimock: Aimock, manner: Manner
) -> None:
    """A purpose that only the server can judge is asked for, and its refusal is the result's error."""
    result = manner(client.files.create, b"content", "bogus", filename="x.txt")

    assert not result.success
    assert result.file is None
    assert [error.is_bad_request_error for error in result.errors] == [True]
    assert result.errors[0].message.startswith("Invalid purpose 'bogus'.")
    assert aimock.statuses() == [400]


def test_bad_lines_are_found_though_the_server_would_take_them(
    client: OpenAIClient, aimock: Aimock, manner: Manner
) -> None:
    """This server stores batch files unread; aikit reads them first, and sends nothing."""
    line = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}\n'

    result = manner(client.files.create, line + b"no JSON\n" + line, "batch", filename="x.jsonl")

    assert {error.line for error in result.errors} >= {2, 3}
    assert aimock.journal() == []
    assert client.files.create(b"no JSON\n", "batch", {"filename": "x.jsonl", "validate": False}).success


def test_an_expiry_that_the_server_ignores_is_not_made_up(client: OpenAIClient, manner: Manner) -> None:
    """This server knows no expiry: the result tells what the server keeps, not what was asked for."""
    expires_after = {"anchor": "created_at", "seconds": 3600}

    result = manner(client.files.create, b"content", "user_data", filename="x.txt", expires_after=expires_after)

    assert result.errors == ()
    assert result.file.expires_at is None


def test_a_file_above_the_servers_limit_is_refused_in_its_words(
    client: OpenAIClient, aimock: Aimock, manner: Manner, tmp_path: Path
) -> None:
    """One byte more than the server takes is its 400, told once and not tried again."""
    path = tmp_path / "large.bin"
    path.write_bytes(noise(FILE_MAX_BYTES + 1))

    result = manner(client.files.create, path, "user_data")

    assert [error.status for error in result.errors] == [400]
    assert str(FILE_MAX_BYTES) in result.errors[0].message
    assert aimock.statuses() == [400]
