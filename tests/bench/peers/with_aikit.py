"""
What is measured of aikit: ``with_aikit.py COMMAND URL ...``.
"""

import importlib
import itertools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import requests

from aikit import OpenAIClient


def client_for(url: str, **options: Any) -> OpenAIClient:
    """
    Return a client with default settings but for *options*.
    """
    return OpenAIClient(api_key="k", base_url=url, **options)


def upload(url: str, path: str, size: str) -> None:
    """
    Send a file from disk.
    """
    with client_for(url) as client:
        file = client.files.create(path, "user_data").throw().file
    assert file is not None
    assert file.bytes == int(size)


def store_object(url: str, path: str, size: str) -> None:
    """
    Send a file from disk to Google Cloud Storage.
    """
    about = {"GOOGLE_CLOUD_PROJECT": "my-project", "GCS_BUCKET_NAME": "my-bucket", "STORAGE_EMULATOR_HOST": url}
    os.environ.update(about)
    with client_for(url, provider="vertex") as client:
        file = client.files.create(path, "user_data").throw().file
    assert file is not None
    assert file.bytes == int(size)


def upload_in_background(url: str, path: str, *, is_watched: bool = False) -> None:
    """
    Send a file from disk with callbacks, also for progress or not.
    """
    ended: list[bool] = []
    reports: list[float] = []
    options: dict[str, Any] = {"on_terminate": lambda result: ended.append(result.success)}
    if is_watched:
        options["on_progress"] = lambda progress: reports.append(progress.fraction)
    with client_for(url) as client:
        client.files.create(path, "user_data", **options)
    assert ended == [True]
    assert bool(reports) == is_watched


def upload_watched(url: str, path: str) -> None:
    """
    Send a file from disk with a callback for progress.
    """
    upload_in_background(url, path, is_watched=True)


def upload_in_parts(url: str, path: str, size: str, checksum: str = "checksum") -> None:
    """
    Send a file that is larger than what the provider takes at once, four parts side by side, as it is by default.
    """
    limits = importlib.import_module("aikit.validation.limits").limits_for("openai")
    provider: Any = importlib.import_module("aikit.providers.openai")
    provider.limits_for = lambda _: limits  # the server here has OpenAI's
    options: dict[str, Any] = {"checksum": checksum == "checksum"}
    with tempfile.TemporaryDirectory(prefix="aikit-bench-") as home, client_for(url, home=home) as client:
        file = client.files.create(path, "user_data", **options).throw().file
    assert file is not None
    assert (file.id, file.bytes) == ("file-of-parts", int(size))


def download(url: str, path: str, size: str) -> None:
    """
    Save a file to disk.
    """
    with client_for(url) as client:
        result = client.files.download("file-bulk", path)
    assert result.success, result.errors
    assert result.bytes_written == int(size)


def retrieve(url: str, count: str) -> None:
    """
    Ask for a file again and again.
    """
    with client_for(url) as client:
        for _ in range(int(count)):
            assert client.files.retrieve("file-one").file


def many(url: str, count: str, at_a_time: str) -> None:
    """
    Send small files, many at a time, each with a callback.
    """
    succeeded = []
    options: dict[str, Any] = {"filename": "note.txt", "on_terminate": lambda result: succeeded.append(result.success)}
    with client_for(url, max_workers=int(at_a_time)) as client:
        for _ in range(int(count)):
            client.files.create(bytes(2048), "user_data", **options)
    assert succeeded.count(True) == int(count)


def many_at_once(url: str, count: str, at_a_time: str) -> None:
    """
    Send small files with one call, each of them stored whatever goes wrong.
    """
    with client_for(url, max_workers=int(at_a_time), max_retries=10) as client:
        files = itertools.repeat(b"%PDF-1.7\n".ljust(2048), int(count))
        result = client.files.create_many(files, "user_data")
    assert result.success, result.errors[:3]
    assert result.counts.uploaded == int(count)


def folder(url: str, path: str, count: str, at_a_time: str) -> None:
    """
    Send the files of a folder, many at a time.
    """
    with client_for(url, max_workers=int(at_a_time)) as client:
        result = client.files.create_many(path, "user_data")
    assert result.success, result.errors
    assert result.counts.uploaded == int(count)
    first = result.items[0]
    assert first.file is not None
    assert first.bytes == first.file.bytes


def list_files(url: str) -> None:
    """
    Get the long list several times and tell the median time.
    """
    times = []
    with client_for(url) as client:
        for _ in range(7):
            started = time.perf_counter()
            files = client.files.list({"limit": 10_000}).files
            assert len({file.id for file in files}) == 10_000
            times.append(time.perf_counter() - started)
    print("call_s", sorted(times[1:])[3])


def wait(url: str, count: str) -> None:
    """
    Wait for many files that never become ready, then cancel; tell how many threads that took.
    """
    ended: list[bool] = []
    asked_before, threads = answered(url), 0
    client = client_for(url)
    for number in range(int(count)):
        options: dict[str, Any] = {"on_terminate": lambda result: ended.append(result.success), "poll_interval": 300}
        client.files.wait(f"file-{number}", **options)
        threads = max(threads, threading.active_count())
    while answered(url) - asked_before < int(count):
        threads = max(threads, threading.active_count())
        time.sleep(0.1)
    time.sleep(0.5)
    threads = max(threads, threading.active_count())
    assert not ended
    client.close(cancel=True)
    assert ended.count(False) == int(count)
    print("threads", threads)


def wait_for_batches(url: str, count: str) -> None:
    """
    Wait for many batches until each is complete, all of them at once; tell how many threads that took.

    Each end is booked in a ledger, which reads the batch's answers.
    """
    ended: list[bool] = []
    asked_before, threads = answered(url), 0
    with tempfile.TemporaryDirectory(prefix="aikit-bench-") as home, client_for(url, home=home) as client:
        for number in range(int(count)):
            options: dict[str, Any] = {"on_terminate": lambda result: ended.append(result.success), "poll_interval": 6}
            client.batches.wait(f"batch_{os.getpid()}_{number}", **options)
            threads = max(threads, threading.active_count())
        while answered(url) - asked_before < int(count):
            threads = max(threads, threading.active_count())
            time.sleep(0.1)
        assert not ended, "they did not all wait at once"
        while len(ended) < int(count):
            threads = max(threads, threading.active_count())
            time.sleep(0.01)
        booked = len(list(client.ledger.events(kind="ended")))
        assert booked == int(count), booked
    assert ended.count(True) == int(count)
    print("threads", threads)


def answered(url: str) -> int:
    """
    Ask the server how many requests it has answered.
    """
    return int(requests.get(url.removesuffix("v1") + "answered", timeout=10).text)


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "upload": upload,
    "object": store_object,
    "unwatched": upload_in_background,
    "watched": upload_watched,
    "parts": upload_in_parts,
    "download": download,
    "retrieve": retrieve,
    "many": many,
    "many at once": many_at_once,
    "folder": folder,
    "list": list_files,
    "wait": wait,
    "batches": wait_for_batches,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
