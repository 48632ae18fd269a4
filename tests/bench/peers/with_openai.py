"""
What is measured of OpenAI's own library, used the way that suits it best: ``with_openai.py COMMAND URL ...``.
"""

import importlib
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

# Not an import statement: it is installed in its own environment only, and type checkers elsewhere do not know it.
openai = importlib.import_module("openai")


def client_for(url: str) -> Any:
    """
    Return a client with default settings.
    """
    return openai.OpenAI(api_key="k", base_url=url)


def upload(url: str, path: str, size: str) -> None:
    """
    Send a file from disk; an open file is streamed, a path would be read whole.
    """
    with Path(path).open("rb") as file:
        stored = client_for(url).files.create(file=file, purpose="user_data")
    assert stored.bytes == int(size)


def upload_in_parts(url: str, path: str, size: str) -> None:
    """
    Send a file in parts of 64 MB, with the helper that the library has for that.
    """
    uploads = client_for(url).uploads
    upload = uploads.upload_file_chunked(file=Path(path), mime_type="text/plain", purpose="user_data")
    assert upload.file.bytes == int(size)


def download(url: str, path: str, size: str) -> None:
    """
    Save a file to disk, streamed.
    """
    with client_for(url).files.with_streaming_response.content("file-bulk") as response:
        response.stream_to_file(path)
    assert Path(path).stat().st_size == int(size)


def retrieve(url: str, count: str) -> None:
    """
    Ask for a file again and again.
    """
    client = client_for(url)
    for _ in range(int(count)):
        assert client.files.retrieve("file-one").id


def many(url: str, count: str, at_a_time: str, max_retries: str = "2") -> None:
    """
    Send small files, many at a time.
    """
    client = openai.OpenAI(api_key="k", base_url=url, max_retries=int(max_retries))
    with ThreadPoolExecutor(int(at_a_time)) as pool:
        calls = [
            pool.submit(client.files.create, file=("note.txt", bytes(2048)), purpose="user_data")
            for _ in range(int(count))
        ]
    assert all(call.result().bytes == 2048 for call in calls)


def folder(url: str, path: str, count: str, at_a_time: str) -> None:
    """
    Send the files of a folder, many at a time.
    """
    client = client_for(url)
    paths = sorted(Path(path).iterdir())
    with ThreadPoolExecutor(int(at_a_time)) as pool:
        calls = [pool.submit(client.files.create, file=one, purpose="user_data") for one in paths]
    stored = [call.result() for call in calls]
    assert len(stored) == int(count)
    assert all(file.bytes == one.stat().st_size for file, one in zip(stored, paths, strict=True))


def chat(url: str, count: str, at_a_time: str) -> None:
    """
    Ask as many questions, many at a time; every one is answered.
    """
    client = openai.OpenAI(api_key="k", base_url=url, max_retries=10)
    question = "Why is the sky blue, and why is it red in the evening? " * 8
    with ThreadPoolExecutor(int(at_a_time)) as pool:
        calls = [
            pool.submit(
                client.chat.completions.create,
                model="m",
                messages=[{"role": "user", "content": f"{number}: {question}"}],
                max_tokens=256,
            )
            for number in range(int(count))
        ]
    assert all(call.result().choices for call in calls)


def list_files(url: str) -> None:
    """
    Get the long list several times and tell the median time.
    """
    client, times = client_for(url), []
    for _ in range(7):
        started = time.perf_counter()
        files = client.files.list(limit=10_000).data
        assert len({file.id for file in files}) == 10_000
        times.append(time.perf_counter() - started)
    print("call_s", sorted(times[1:])[3])


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "upload": upload,
    "parts": upload_in_parts,
    "download": download,
    "retrieve": retrieve,
    "many": many,
    "folder": folder,
    "chat": chat,
    "list": list_files,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
