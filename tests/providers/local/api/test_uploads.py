"""
Uploads in parts on the embedded provider: its answers, and that parts are never files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.transport import LocalTransport
from aikit.validation.limits import limits_for

CONTENT: Final = os.urandom(250_000)
CUTS: Final = (CONTENT[:100_000], CONTENT[100_000:200_000], CONTENT[200_000:])


@pytest.fixture
def clock() -> SpedUpClock:
    """
    A clock that can be set forward.
    """
    return SpedUpClock()


@pytest.fixture
def client(tmp_path: Path, clock: SpedUpClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIClient]:
    """
    A client of a fresh store that runs by the clock.
    """
    monkeypatch.setattr(
        "aikit.providers.local.provider.LocalProvider.make_transport",
        lambda self, **_: LocalTransport(self.home, clock),
    )
    with OpenAIClient(provider="local", home=tmp_path) as made:
        yield made


def begun(client: OpenAIClient, **options: Any) -> str:
    """
    Return the id of a new upload of the content.
    """
    upload = client.uploads.create("a.png", "vision", len(CONTENT), **options).throw().upload
    assert upload is not None
    return upload.id


def sent(client: OpenAIClient, upload_id: str) -> list[str]:
    """
    Return the ids of the content's parts, which were sent last first.
    """
    parts = [client.uploads.add_part(upload_id, cut).throw().part for cut in reversed(CUTS)]
    return [part.id for part in reversed(parts) if part is not None]


def codes(result: Any) -> list[str | None]:
    """
    Return the codes of a result's errors.
    """
    return [error.code for error in result.errors]


def test_parts_make_a_file_in_the_order_named(client: OpenAIClient) -> None:
    """
    Whatever order parts came in, the file is what completion says, and one like any other.
    """
    upload_id = begun(client, expires_after={"anchor": "created_at", "seconds": 7200})
    ids = sent(client, upload_id)
    result = client.uploads.complete(upload_id, ids, {"md5": hashlib.md5(CONTENT).hexdigest()}).throw()  # noqa: S324
    assert result.upload is not None
    assert result.file is not None
    assert (result.upload.status, result.file.bytes, result.file.filename) == ("completed", 250_000, "a.png")
    assert result.file.expires_at == result.file.created_at + 7200
    assert client.files.content(result.file.id).content == CONTENT
    assert client.files.list().files == (result.file,)


def test_parts_are_no_files(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Before completion there is nothing to list, and after the end nothing of the parts is left on disk.
    """
    upload_id = begun(client)
    (part_id, *_) = sent(client, upload_id)
    assert client.files.list().files == ()
    hidden = "file-" + part_id.removeprefix("part_")
    assert client.files.retrieve(hidden).errors[0].is_not_found_error
    assert client.files.delete(hidden).errors[0].is_not_found_error
    assert client.uploads.cancel(upload_id).success
    assert list((tmp_path / "local" / "blobs").iterdir()) == []


@pytest.mark.parametrize(
    ("ids", "md5", "code"),
    [
        ((0, 1), None, "size_mismatch"),
        ((0, 0, 1), None, "size_mismatch"),
        ((0, 1, 2), "0" * 32, "checksum_mismatch"),
        ((0, 2, 1), hashlib.md5(CONTENT).hexdigest(), "checksum_mismatch"),  # noqa: S324  as OpenAI
    ],
    ids=["a part is missing", "a part twice", "another checksum", "another order"],
)
def test_what_is_not_the_whole_is_refused_and_can_be_mended(
    client: OpenAIClient, ids: tuple[int, ...], md5: str | None, code: str
) -> None:
    """
    Wrong parts, order or checksum make no file; completing rightly afterwards does.
    """
    upload_id = begun(client)
    parts = sent(client, upload_id)
    assert codes(client.uploads.complete(upload_id, [parts[number] for number in ids], {"md5": md5})) == [code]
    assert client.files.list().files == ()
    assert client.uploads.complete(upload_id, parts).success


def test_a_part_that_is_named_again_and_again_fills_no_disk(
    client: OpenAIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is more than was announced is refused as soon as it is seen.
    """
    written: list[int] = []
    write = Incoming.write

    def counted(incoming: Incoming, chunk: Any) -> None:
        written.append(len(chunk))
        write(incoming, chunk)

    monkeypatch.setattr(Incoming, "write", counted)
    upload_id = begun(client)
    parts = sent(client, upload_id)
    written.clear()
    assert codes(client.uploads.complete(upload_id, parts[:1] * 1_000)) == ["size_mismatch"]
    assert sum(written) <= len(CONTENT) + len(CUTS[0])


def test_parts_of_another_upload_are_unknown(client: OpenAIClient) -> None:
    """
    A part counts for its own upload only.
    """
    first, second = begun(client), begun(client)
    ids = sent(client, first)
    (error,) = client.uploads.complete(second, ids).errors
    assert (error.status, error.code, error.param) == (400, "invalid_value", "part_ids")


@pytest.mark.parametrize("end", ["completed", "cancelled", "expired"])
def test_what_is_over_takes_nothing_more(client: OpenAIClient, clock: SpedUpClock, end: str) -> None:
    """
    After completion, cancelling or an hour no part is taken and nothing is completed.
    """
    upload_id = begun(client)
    ids = sent(client, upload_id)
    if end == "completed":
        client.uploads.complete(upload_id, ids).throw()
    elif end == "cancelled":
        client.uploads.cancel(upload_id).throw()
    else:
        clock.advance(3601)
    for result in (client.uploads.add_part(upload_id, b"x"), client.uploads.complete(upload_id, ids)):
        (error,) = result.errors
        assert (error.status, error.code) == (400, "upload_not_pending")
        assert end in error.message


def test_cancelling_twice_is_no_error(client: OpenAIClient) -> None:
    """
    An upload that is given up already is described.
    """
    upload_id = begun(client)
    for _ in range(2):
        upload = client.uploads.cancel(upload_id).throw().upload
        assert upload is not None
        assert upload.status == "cancelled"


def test_an_expired_upload_leaves_nothing(client: OpenAIClient, clock: SpedUpClock, tmp_path: Path) -> None:
    """
    After an hour the parts are gone from the disk.
    """
    sent(client, begun(client))
    clock.advance(3700)
    client.files.list()
    assert list((tmp_path / "local" / "blobs").iterdir()) == []


def test_an_unknown_upload_is_not_found(client: OpenAIClient) -> None:
    """
    Each call about an upload that is not there says so.
    """
    calls = (
        client.uploads.add_part("upload_no", b"x"),
        client.uploads.complete("upload_no", ["part_1"]),
        client.uploads.cancel("upload_no"),
    )
    assert [result.errors[0].status for result in calls] == [404] * 3


@pytest.mark.parametrize(
    ("name", "purpose", "size", "param"),
    [("a.txt", "batch", 5, None), ("a.jsonl", "no-purpose", 5, "purpose"), ("a.bin", "user_data", 9 << 30, "bytes")],
)
def test_wrong_orders_are_refused(client: OpenAIClient, name: str, purpose: str, size: int, param: str | None) -> None:
    """
    What no file may be, no upload may become.
    """
    (error,) = client.uploads.create(name, purpose, size, {"validate": False}).errors
    assert (error.status, error.param) == (400, param)


def test_content_is_checked_as_that_of_any_file(client: OpenAIClient) -> None:
    """
    A training file in parts has to be JSONL too.
    """
    upload = client.uploads.create("a.jsonl", "fine-tune", 5).throw().upload
    assert upload is not None
    part = client.uploads.add_part(upload.id, b"nope\n").throw().part
    assert part is not None
    (error,) = client.uploads.complete(upload.id, [part.id]).errors
    assert "Expected file to have JSONL format" in error.message


def test_a_large_file_goes_up_in_parts(client: OpenAIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    files.create chooses by itself, here as with OpenAI.
    """
    small = attrs.evolve(limits_for("local"), file_max_bytes=100_000, upload_part_max_bytes=60_000)
    monkeypatch.setattr("aikit.providers.local.provider.limits_for", lambda _: small)
    path = tmp_path / "a.png"
    path.write_bytes(CONTENT)
    result = client.files.create(path, "vision").throw()
    assert result.request is not None
    assert result.request.url.endswith("/complete")
    assert result.file is not None
    assert client.files.content(result.file.id).content == CONTENT
