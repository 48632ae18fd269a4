"""
Uploads in parts at Vertex AI: objects of a folder of the bucket, which Google Cloud Storage puts together.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from contextlib import nullcontext
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import OpenAIClient, OpenAIUpload
from aikit.providers.vertex.checksum import joined_crc32c
from tests.google_wire import Hangup, Refusal, rfc3339
from tests.providers.vertex.translation.translating import CHAT, HELLO, content_of
from tests.scripted_server import Received
from tests.storage_bucket import CHUNK, Storage
from tests.vertex_server import BUCKET, PROJECT, TOKEN, VertexServer

_NAME = "Zm9vYmFyYmF6cXV4MTIzNA"
_OTHER = "cGFydHBhcnRwYXJ0cGFydA"


def _began(client: OpenAIClient, size: int, purpose: str = "user_data", **options: Any) -> OpenAIUpload:
    name = "in.jsonl" if purpose == "batch" else "Übung.txt"
    upload = client.uploads.create(name, purpose, size, **{"throw": True, **options}).upload
    assert upload is not None
    return upload


def _part(client: OpenAIClient, upload: OpenAIUpload, content: bytes) -> str:
    part = client.uploads.add_part(upload.id, content, {"throw": True}).part
    assert part is not None
    assert part.upload_id == upload.id
    return part.id


def _parts(client: OpenAIClient, *contents: bytes) -> tuple[OpenAIUpload, list[str]]:
    upload = _began(client, sum(map(len, contents)))
    return upload, [_part(client, upload, content) for content in contents]


def _under(vertex: VertexServer, folder: str) -> list[str]:
    start = f"aikit/{folder}/"
    return [name for name in vertex.storage.names(BUCKET) if name.startswith(start)]


def _refused(result: Any) -> tuple[int | None, str | None]:
    (error,) = result.errors
    return error.status, error.code


def _interposed(monkeypatch: pytest.MonkeyPatch, instead: Any) -> None:
    """
    Let *instead* answer requests about objects; it gets what the server would do otherwise.
    """
    answer = Storage.answer
    monkeypatch.setattr(Storage, "answer", lambda storage, asked: instead(asked, lambda: answer(storage, asked)))


def _is_compose(asked: Received) -> bool:
    return "/compose" in asked.path


def test_parts_in_any_order_and_from_anywhere_become_one_file(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    The file is as one that was stored at once: name, purpose, type, expiry and content; no part is left.
    """
    pieces = [os.urandom(2 * CHUNK + 3), b"b", os.urandom(1000)]
    whole = b"".join(pieces)
    upload = _began(client, len(whole), expires_after={"anchor": "created_at", "seconds": 86_400})
    assert (upload.status, upload.bytes, upload.expires_at) == ("pending", len(whole), upload.created_at + 3600)
    assert client.files.list({"throw": True}).files == ()
    with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url) as other:
        last = _part(other, upload, pieces[2])
        first, second = (_part(client, upload, piece) for piece in pieces[:2])
        options: dict[str, Any] = {"throw": True, "md5": hashlib.md5(whole, usedforsecurity=False).hexdigest().upper()}
        done = other.uploads.complete(upload.id, [first, second, last], **options).upload
    assert done is not None
    assert (done.id, done.status) == (upload.id, "completed")
    file = client.files.list({"throw": True}).files[0]
    assert done.file == file == client.files.retrieve(file.id).file
    assert (file.filename, file.purpose, file.bytes) == ("Übung.txt", "user_data", len(whole))
    assert file.expires_at is not None
    assert abs(file.expires_at - file.created_at - 86_400) < 60
    assert client.files.content(file.id).content == whole
    (name,) = vertex.storage.names(BUCKET)
    stored = vertex.storage.buckets[BUCKET][name]
    assert (stored["contentType"], stored["customTime"][-1]) == ("text/plain", "Z")
    assert client.files.delete(file.id).success
    assert vertex.storage.names(BUCKET) == []


@pytest.mark.parametrize(("count", "at_once"), [(1, 32), (32, 32), (40, 32), (9, 2)])
def test_many_parts_are_put_together_step_by_step(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, count: int, at_once: int
) -> None:
    """
    No request names more objects than Google takes, and what is made on the way is deleted, too.
    """
    monkeypatch.setattr("aikit.providers.vertex.composing._AT_ONCE", at_once)
    pieces = [os.urandom(10 + number) for number in range(count)]
    upload, ids = _parts(client, *pieces)
    _part(client, upload, b"one that is not named")
    vertex.start_anew()
    done = client.uploads.complete(upload.id, reversed(ids), {"throw": True})
    assert done.file is not None
    assert client.files.content(done.file.id).content == b"".join(reversed(pieces))
    asked = [json.loads(one.body)["sourceObjects"] for one in vertex.received if _is_compose(one)]
    assert max(map(len, asked)) <= at_once
    assert len(vertex.storage.names(BUCKET)) == 1


@pytest.mark.parametrize(
    "upload_id",
    [
        f"upload_{_NAME}A",
        "upload_..",
        f"Upload_{_NAME}",
        f"upload_9{_NAME[1:]}",
        f"upload_{_NAME}%2f",
        _NAME,
        f"upload_{_NAME}\N{FULLWIDTH DIGIT ONE}",
        "upload_" + "A" * 1900,
    ],
)
def test_an_odd_upload_id_is_one_that_there_is_not(client: OpenAIClient, vertex: VertexServer, upload_id: str) -> None:
    """
    It is refused before anything is asked, in the words for an unknown one.
    """
    calls = (
        client.uploads.add_part(upload_id, b"a"),
        client.uploads.complete(upload_id, [f"part_{_NAME}{_OTHER}"]),
        client.uploads.cancel(upload_id),
    )
    assert [_refused(call) for call in calls] == [(404, None)] * 3
    assert {call.errors[0].message for call in calls} == {f"No such Upload object: {upload_id[:200]}"}
    assert vertex.received == []


@pytest.mark.parametrize(
    "part_id", [f"part_{_OTHER}{_NAME}", f"part_{_NAME}", f"part_{_NAME}order", f"part_{_NAME}{_OTHER[:-1]}/", "part_x"]
)
def test_a_part_of_another_upload_is_refused_before_anything_is_asked(
    client: OpenAIClient, vertex: VertexServer, part_id: str
) -> None:
    """
    So is one that cannot be; an unknown one is refused in the same words when it is looked for.
    """
    result = client.uploads.complete(f"upload_{_NAME}", [f"part_{_NAME}{_OTHER}", part_id])
    assert _refused(result) == (400, "invalid_value")
    assert result.errors[0].message == f"Upload upload_{_NAME} has no part '{part_id}'."
    assert vertex.received == []


def test_parts_that_are_missing_or_not_all_are_refused_and_nothing_is_made(
    client: OpenAIClient, vertex: VertexServer
) -> None:
    """
    A part that never was, too few or too many bytes, another MD5: the upload stays, and the right call completes it.
    """
    upload, (one, two) = _parts(client, b"ab", b"c")
    unknown = f"part_{upload.id.removeprefix('upload_')}{_OTHER}"
    complete = client.uploads.complete
    assert _refused(complete(upload.id, [one, unknown])) == (400, "invalid_value")
    assert _refused(complete(upload.id, [one])) == (400, "size_mismatch")
    assert _refused(complete(upload.id, [one, two, two])) == (400, "size_mismatch")
    assert _refused(complete(upload.id, [two, one], {"md5": hashlib.md5(b"abc").hexdigest()})) == (  # noqa: S324
        400,
        "checksum_mismatch",
    )
    assert not any(map(_is_compose, vertex.received))
    assert complete(upload.id, [one, two], {"md5": hashlib.md5(b"abc").hexdigest()}).success  # noqa: S324


def test_an_upload_is_completed_once(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Then it takes no part, no second completion and no cancellation, and what is said names the file.
    """
    upload, ids = _parts(client, b"abc")
    file = client.uploads.complete(upload.id, ids, {"throw": True}).file
    assert file is not None
    calls = (
        client.uploads.complete(upload.id, ids),
        client.uploads.add_part(upload.id, b"x"),
        client.uploads.cancel(upload.id),
    )
    assert [_refused(call) for call in calls] == [(400, "upload_not_pending")] * 3
    assert all(file.id in call.errors[0].message for call in calls)
    assert client.files.content(file.id).content == b"abc"
    assert len(vertex.storage.names(BUCKET)) == 1


def test_a_lost_answer_to_the_completion_makes_no_second_file(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The request is sent again, the server says that the object is there, and it is known as this call's.
    """
    lost: list[Received] = []

    def instead(asked: Received, answer: Any) -> Any:
        given = answer()
        if _is_compose(asked) and not lost:
            lost.append(asked)
            raise Hangup
        return given

    _interposed(monkeypatch, instead)
    upload, ids = _parts(client, b"ab", b"c")
    file = client.uploads.complete(upload.id, ids, {"throw": True}).file
    assert file is not None
    assert (len(lost), client.files.content(file.id).content) == (1, b"abc")
    assert len(vertex.storage.names(BUCKET)) == 1


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_a_completion_that_did_not_come_to_its_end_is_found_by_the_next(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, caplog: Any, left: int
) -> None:
    """
    The file was made, and parts could not be deleted: it counts, and the same call gives it again and clears up.
    """
    deleted: list[Received] = []

    def instead(asked: Received, answer: Any) -> Any:
        if asked.method == "DELETE":
            if len(deleted) >= left:
                raise Refusal(403, "may not delete")
            deleted.append(asked)
        return answer()

    upload, ids = _parts(client, b"a", b"b", b"c")
    with monkeypatch.context() as patched:
        _interposed(patched, instead)
        first = client.uploads.complete(upload.id, ids, {"throw": True})
    assert first.file is not None
    assert "were not all deleted" in caplog.text
    assert _refused(client.uploads.complete(upload.id, ids[::-1])) in {
        (400, "upload_not_pending"),
        (400, "invalid_value"),
    }
    again = client.uploads.complete(upload.id, ids, {"throw": True})
    assert again.upload == first.upload
    assert client.files.content(first.file.id).content == b"abc"
    assert len(vertex.storage.names(BUCKET)) == 1


@pytest.mark.parametrize("is_done", [False, True])
def test_a_completion_may_end_at_any_request(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    """
    Whether the last one was acted on or not: the same call then makes the file, or the file is there and is named.
    """
    monkeypatch.setattr("aikit.providers.vertex.composing._AT_ONCE", 2)
    for most in range(12):
        asked: list[Received] = []

        def instead(one: Received, answer: Any, asked: list[Received] = asked, most: int = most) -> Any:
            asked.append(one)
            if len(asked) <= most or (len(asked) == most + 1 and is_done):
                given = answer()
                if len(asked) <= most:
                    return given
            raise Refusal(403, "stop")

        upload, ids = _parts(client, b"a", b"b", b"c")
        with monkeypatch.context() as patched:
            _interposed(patched, instead)
            first = client.uploads.complete(upload.id, ids, {"max_retries": 0})
        again = client.uploads.complete(upload.id, ids)
        if not again.success:
            assert first.success
            assert "has status 'completed'" in again.errors[0].message
        file = again.file or first.file
        assert file is not None
        assert client.files.content(file.id).content == b"abc"
        assert client.files.delete(file.id).success
        assert vertex.storage.names(BUCKET) == []


def test_of_two_completions_at_once_one_makes_the_file(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In another order, it is the order of the one that was first; the other is told, and mixes nothing.
    """
    monkeypatch.setattr("aikit.providers.vertex.composing._AT_ONCE", 2)
    upload, ids = _parts(client, b"a", b"b", b"c", b"d")
    others: list[Any] = []

    def instead(asked: Received, answer: Any) -> Any:
        if _is_compose(asked) and "files%2F" in asked.path and not others:
            others.append(None)
            with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url) as other:
                others[0] = other.uploads.complete(upload.id, ids[::-1])
        return answer()

    vertex._lock = nullcontext()
    _interposed(monkeypatch, instead)
    (error,) = client.uploads.complete(upload.id, ids).errors
    assert (error.status, error.code) == (400, "upload_not_pending")
    (other,) = others
    assert client.files.content(other.file.id).content == b"dcba"
    assert len(vertex.storage.names(BUCKET)) == 1


def test_a_cancelled_upload_leaves_nothing(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its parts are gone, later ones are refused, and it cannot be completed.
    """
    upload, ids = _parts(client, b"ab", b"c")
    other, _ = _parts(client, b"other")
    cancelled = client.uploads.cancel(upload.id, {"throw": True}).upload
    assert cancelled is not None
    assert (cancelled.id, cancelled.status, cancelled.file) == (upload.id, "cancelled", None)
    calls = (client.uploads.add_part(upload.id, b"x"), client.uploads.complete(upload.id, ids))
    assert [_refused(call) for call in (*calls, client.uploads.cancel(upload.id))] == [(404, None)] * 3
    name = other.id.removeprefix("upload_")
    assert vertex.storage.names(BUCKET) == _under(vertex, f"uploads/{name}")


def test_a_part_that_arrives_when_its_upload_was_cancelled_is_deleted(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who cancelled did not see it, so whoever sent it puts it away, and is told.
    """
    upload = _began(client, 3)
    cancelled: list[Received] = []

    def instead(asked: Received, answer: Any) -> Any:
        given = answer()
        if asked.method == "PUT" and not cancelled:
            cancelled.append(asked)
            for name in _under(vertex, "uploads"):
                if name.endswith("order"):
                    del vertex.storage.buckets[BUCKET][name]
        return given

    _interposed(monkeypatch, instead)
    assert _refused(client.uploads.add_part(upload.id, b"abc")) == (404, None)
    assert vertex.storage.names(BUCKET) == []


def test_an_upload_takes_parts_for_an_hour(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Then parts and completion are refused; cancelling it deletes what had arrived.
    """
    upload, ids = _parts(client, b"abc")
    order = next(name for name in vertex.storage.names(BUCKET) if name.endswith("order"))
    vertex.storage.buckets[BUCKET][order]["timeCreated"] = rfc3339(time.time() - 3601)
    vertex.start_anew()
    calls = (client.uploads.add_part(upload.id, b"x"), client.uploads.complete(upload.id, ids))
    assert [_refused(call) for call in calls] == [(400, "upload_not_pending")] * 2
    assert {call.errors[0].message for call in calls} == {f"Upload {upload.id} has status 'expired'."}
    assert {one.method for one in vertex.received} == {"GET"}
    assert client.uploads.cancel(upload.id).success
    assert vertex.storage.names(BUCKET) == []


def test_how_old_an_upload_is_the_servers_clock_tells(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A machine whose clock is hours off sends parts all the same.
    """
    upload = _began(client, 3)
    order = vertex.storage.buckets[BUCKET][vertex.storage.names(BUCKET)[0]]
    order["timeCreated"] = rfc3339(time.time() - 7200)

    def instead(_: Received, answer: Any) -> Any:
        status, fields, body = answer()
        return status, {**fields, "Date": formatdate(time.time() - 7100, usegmt=True)}, body

    _interposed(monkeypatch, instead)
    assert _part(client, upload, b"abc")


@pytest.mark.parametrize("fault", ["cut", "lost", "503"])
def test_a_part_goes_on_after_a_break_and_is_stored_once(
    client: OpenAIClient, vertex: VertexServer, fault: str
) -> None:
    """
    As any other object, in a session of its own.
    """
    content = os.urandom(4 * CHUNK + 1)
    upload = _began(client, len(content))
    vertex.storage.faults = {1: fault}
    part = _part(client, upload, content)
    assert len(_under(vertex, "uploads")) == 2
    file = client.uploads.complete(upload.id, [part], {"throw": True}).file
    assert file is not None
    assert client.files.content(file.id).content == content


@pytest.mark.parametrize("wrong", [{"crc32c": "AAAAAA=="}, {"size": "2"}])
@pytest.mark.parametrize("count", [2, 3])
def test_what_is_put_together_wrongly_is_deleted(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], count: int
) -> None:
    """
    Size and checksum are compared with those of the parts, also of what is made on the way; the upload stays.
    """
    monkeypatch.setattr("aikit.providers.vertex.composing._AT_ONCE", 2)
    upload, ids = _parts(client, *[b"abc"] * count)

    def instead(asked: Received, answer: Any) -> Any:
        status, fields, body = answer()
        return status, fields, json.dumps(json.loads(body) | wrong).encode() if _is_compose(asked) else body

    with monkeypatch.context() as patched:
        _interposed(patched, instead)
        (error,) = client.uploads.complete(upload.id, ids).errors
    assert error.code == "checksum_mismatch"
    assert not _under(vertex, "files")
    assert client.uploads.complete(upload.id, ids).success


@pytest.mark.parametrize(
    "order", ["{}", "5", "[]", '{"filename": "a"}', '{"filename":1,"purpose":"p","bytes":"x","mime_type":""}']
)
def test_what_is_no_order_is_no_upload(client: OpenAIClient, vertex: VertexServer, order: str) -> None:
    """
    What another program put there is told as what it is.
    """
    vertex.storage.store(BUCKET, f"aikit/uploads/{_NAME}/order", b"", metadata={"order": order})
    vertex.storage.store(BUCKET, f"aikit/uploads/{_NAME}/{_OTHER}", b"abc")
    for call in (client.uploads.add_part(f"upload_{_NAME}", b"a"), client.uploads.cancel(f"upload_{_NAME}")):
        assert call.errors[0].code == "invalid_response"
    assert len(vertex.storage.names(BUCKET)) == 2


def test_the_input_of_a_batch_may_come_in_parts(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its lines are translated when the batch is created, wherever they were cut.
    """
    bodies = [{"model": "gemini-2.5-flash", "messages": HELLO, "temperature": number} for number in (0, 1)]
    content = content_of(bodies)
    upload = _began(client, len(content), "batch")
    ids = [_part(client, upload, content[:50]), _part(client, upload, content[50:])]
    file = client.uploads.complete(upload.id, ids, {"throw": True}).file
    assert file is not None
    assert (file.purpose, file.filename) == ("batch", "in.jsonl")
    batch = client.batches.create(file.id, CHAT, {"throw": True}).batch
    assert batch is not None
    (job,) = vertex.jobs.values()
    (uri,) = job["inputConfig"]["gcsSource"]["uris"]
    assert uri == f"gs://{BUCKET}/aikit/requests/{upload.id.removeprefix('upload_')}.jsonl"
    assert client.batches.wait(batch.id, {"poll_interval": 0.01}).success
    assert {row.custom_id for row in client.batches.results(batch.id)} == {"c1", "c2"}


def test_requests_name_nothing_but_what_is_the_uploads(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    A folder whose name begins like that of the upload is another's.
    """
    upload, ids = _parts(client, b"abc")
    name = upload.id.removeprefix("upload_")
    for beside in (f"aikit/uploads/{name}x/part", f"aikit/uploads/{name}", f"other/uploads/{name}/part"):
        vertex.storage.store(BUCKET, beside, b"theirs")
    assert client.uploads.complete(upload.id, ids).success
    assert len(vertex.storage.names(BUCKET)) == 4
    assert all(PROJECT not in unquote(one.path) for one in vertex.received)


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_the_checksum_of_a_whole_is_that_of_its_parts(parts: list[bytes]) -> None:
    """
    Whatever their sizes, also where one is empty.
    """

    def crc32c(content: bytes) -> str:
        return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()

    assert joined_crc32c((crc32c(part), len(part)) for part in parts) == crc32c(b"".join(parts))
