"""
Files that go up in parts: whole or not at all, and no upload is left open.
"""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient, Progress
from aikit.validation.limits import limits_for
from tests.scripted_server import Exchange
from tests.stopwatch import Stopwatch
from tests.upload_server import UploadServer, answer_lost, failed, refused, slow, upload_server

PART: Final = 100_000
LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=150_000, upload_part_max_bytes=PART, upload_max_bytes=2_000_000
)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is large is small here.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: LIMITS)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)


def client_of(url: str) -> OpenAIClient:
    """
    Return a client of the server at *url*.
    """
    return OpenAIClient("k", base_url=url)


def content_of(size: int) -> bytes:
    """
    Return *size* bytes, the same in no two places.
    """
    return os.urandom(size)


@pytest.mark.parametrize("kind", ["path", "bytes", "stream"])
@pytest.mark.parametrize("size", [150_001, 200_000, 950_000])
def test_a_large_file_arrives_whole(kind: str, size: int, tmp_path: Path) -> None:
    """
    Whatever it is read from and wherever it ends, parts make the same content, and its MD5 was compared.
    """
    content = content_of(size)
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    stream = io.BytesIO(b"before" + content)
    stream.seek(6)
    file: Any = {"path": path, "bytes": content, "stream": stream}[kind]
    with upload_server() as server, client_of(server.url) as client:
        result = client.files.create(file, "user_data", {"filename": "large.bin"})
    assert result.errors == ()
    assert result.file is not None
    assert (result.file.filename, result.file.bytes) == ("large.bin", size)
    assert server.files[result.file.id] == content
    assert server.asked.count("parts") == -(-size // PART)


def test_a_small_file_goes_at_once() -> None:
    """
    What the provider takes in one piece is sent in one piece.
    """
    with upload_server() as server, client_of(server.url) as client:
        client.files.create(bytes(150_000), "user_data", {"filename": "small.bin", "max_retries": 0})
    assert "uploads" not in server.asked


def test_without_uploads_a_large_file_that_is_not_checked_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A provider that takes no more in parts than at once is sent the whole, and judges it itself.
    """
    no_uploads = attrs.evolve(LIMITS, upload_max_bytes=LIMITS.file_max_bytes)
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: no_uploads)
    with upload_server() as server, client_of(server.url) as client:
        client.files.create(bytes(200_000), "user_data", {"filename": "a.bin", "max_retries": 0, "validate": False})
    assert server.asked == ["files"]


def test_expiry_name_and_purpose_are_announced() -> None:
    """
    What is asked of a file is asked of its upload.
    """
    expiry = {"anchor": "created_at", "seconds": 3600}
    with upload_server() as server, client_of(server.url) as client:
        client.files.create(content_of(200_000), "vision", {"filename": "a.png", "expires_after": expiry}).throw()
    (upload,) = server.uploads.values()
    assert (upload["filename"], upload["purpose"], upload["expires_after"]) == ("a.png", "vision", expiry)
    assert (upload["bytes"], upload["mime_type"]) == (200_000, "image/png")


@pytest.mark.parametrize("fault", [failed, answer_lost])
def test_a_part_that_does_not_arrive_is_sent_again(fault: Any) -> None:
    """
    After a 500 and after a lost answer the part goes again, and counts once.
    """
    content = content_of(500_000)
    with upload_server(part_2=fault, part_4=fault) as server, client_of(server.url) as client:
        result = client.files.create(content, "user_data", {"filename": "a.bin"})
    assert result.file is not None
    assert server.files[result.file.id] == content
    assert server.asked.count("parts") == 7


@pytest.mark.parametrize("is_background", [False, True])
def test_a_refusal_gives_the_upload_up(is_background: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    The error is the provider's, the rest is not sent, and the upload is cancelled there.
    """
    with upload_server(part_3=refused) as server, client_of(server.url) as client:
        options: dict[str, Any] = {"filename": "a.bin", "background": is_background}
        result = client.files.create(content_of(1_900_000), "user_data", **options)
        result.wait()
    assert [error.code for error in result.errors] == ["no"]
    assert server.open_uploads == []
    assert server.asked.count("parts") < 12
    assert "complete" not in server.asked


def test_who_cancels_a_call_that_gives_its_upload_up_does_not_stop_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was on its way and may not have arrived is said again.
    """
    cancel, held = UploadServer._cancel, threading.Event()

    def lost_at_first(server: UploadServer, exchange: Exchange, upload_id: str) -> None:
        if held.is_set():
            cancel(server, exchange, upload_id)
        else:
            held.set()
            exchange.sock.recv(1)  # until it hangs up

    monkeypatch.setattr(UploadServer, "_cancel", lost_at_first)
    with upload_server(part_2=refused) as server, client_of(server.url) as client:
        options: dict[str, Any] = {"background": True, "filename": "a.bin"}
        result = client.files.create(content_of(950_000), "user_data", **options)
        assert held.wait(20)
        assert result.cancel()
        assert result.wait(20)
        assert [error.code for error in result.errors] == ["no"]
        assert server.open_uploads == []


def test_a_cancelled_call_says_so_again_when_it_was_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A broken connection or server is tried again at once, for there is no time to wait.
    """
    cancel, faults = UploadServer._cancel, [failed, answer_lost]

    def heard_at_last(server: UploadServer, exchange: Exchange, upload_id: str) -> None:
        if faults:
            faults.pop()(exchange, b"")
        else:
            cancel(server, exchange, upload_id)

    monkeypatch.setattr(UploadServer, "_cancel", heard_at_last)
    with upload_server(part_2=slow) as server, client_of(server.url) as client:
        result = client.files.create(content_of(900_000), "user_data", {"filename": "a.bin", "background": True})
        time.sleep(0.3)
        result.cancel()
        assert result.wait(20)
        assert [error.code for error in result.errors] == ["cancelled"]
        assert (server.open_uploads, faults) == ([], [])


def test_a_cancelled_call_gives_the_upload_up() -> None:
    """
    Cancelling takes effect within a second, and the provider hears of it.
    """
    with upload_server(part_2=slow, part_3=slow) as server, client_of(server.url) as client:
        result = client.files.create(content_of(900_000), "user_data", {"filename": "a.bin", "background": True})
        time.sleep(0.3)
        watch = Stopwatch()
        result.cancel()
        assert result.wait(20)
        assert watch.stop() < 1
        assert [error.code for error in result.errors] == ["cancelled"]
        assert server.open_uploads == []
    assert "complete" not in server.asked


def test_progress_runs_once_from_nothing_to_the_whole(tmp_path: Path) -> None:
    """
    One progress of the whole file, never going backwards, also when parts are sent again.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(content_of(950_000))
    seen: list[Progress] = []
    with upload_server(part_2=failed) as server, client_of(server.url) as client:
        client.files.create(path, "user_data", {"on_progress": seen.append}).throw()
    told = [progress.bytes for progress in seen]
    assert told == sorted(told)
    assert (told[-1], seen[-1].total) == (950_000, 950_000)


def test_a_file_that_changes_meanwhile_is_not_stored(tmp_path: Path) -> None:
    """
    Parts of two versions never make a file.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(content_of(900_000))

    def changed(exchange: Any, content: bytes) -> bool:
        path.write_bytes(content_of(900_001))
        return failed(exchange, content)

    with upload_server(part_5=changed) as server, client_of(server.url) as client:
        result = client.files.create(path, "user_data")
    assert [error.code for error in result.errors] == ["file_changed"]
    assert server.files == {}
    assert server.open_uploads == []


@pytest.mark.parametrize("call", ["create", "create_many"])
@pytest.mark.parametrize(("bandwidth", "expected"), [(None, 4), (50_000_000, 2)])
def test_parts_are_under_way_side_by_side(bandwidth: int | None, expected: int, call: str, tmp_path: Path) -> None:
    """
    Four at a time, not one after the other; two where bytes are rationed, so that the first is sooner whole.
    """
    at_once, most, lock = 0, 0, threading.Lock()

    def counted(exchange: Any, content: bytes) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.1)
        with lock:
            at_once -= 1
        return failed(exchange, content)

    faults = {f"part_{number}": counted for number in range(1, 9)}
    with upload_server(**faults) as server, OpenAIClient("k", base_url=server.url, bandwidth=bandwidth) as client:
        source = tmp_path / "a.bin"
        source.write_bytes(content_of(800_000))
        getattr(client.files, call)(source, "user_data", {"max_retries": 5}).throw()
    assert most == expected


def test_what_is_larger_than_an_upload_is_refused() -> None:
    """
    Beyond what an upload may have nothing is sent.
    """
    with client_of("http://127.0.0.1:1/v1") as client:
        result = client.files.create(bytes(2_000_001), "user_data", {"filename": "a.bin"})
    assert [error.code for error in result.errors] == ["file_too_large"]
    assert result.request is None
