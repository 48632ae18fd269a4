"""
Interrupted uploads of several files of one name, and from odd places: each goes on with its own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient
from aikit.http.slices import prefix_md5s
from aikit.validation.limits import limits_for
from tests.scripted_server import Exchange
from tests.upload_server import UploadServer, upload_server

SIZE: Final = 450_000
PARTS: Final = 5
LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=150_000, upload_part_max_bytes=100_000, upload_max_bytes=2_000_000
)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is large is small here.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: LIMITS)


@pytest.fixture
def server() -> Iterator[UploadServer]:
    """
    A server that takes parts.
    """
    with upload_server() as running:
        yield running


def hung_up(exchange: Exchange, _: bytes) -> bool:
    """
    Hang up, as a network that is gone.
    """
    exchange.sock.close()
    return False


def created(server: UploadServer, file: Any, **options: Any) -> Any:
    """
    Create the file at *server*; return the result.
    """
    with OpenAIClient("k", base_url=server.url) as client:
        return client.files.create(file, "user_data", **{"max_retries": 0, **options})


def interrupted(server: UploadServer, file: Any, **options: Any) -> None:
    """
    Leave an upload in parts all of which have arrived.
    """
    server.at_completion = [hung_up]
    server.can_list = False
    assert not created(server, file, **options).success
    server.asked.clear()


def test_each_goes_on_with_its_own_while_the_other_compares(
    server: UploadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Bytes of one name have no place to be told apart by: comparing one keeps it from nobody whose it is.
    """
    monkeypatch.setattr("aikit.resources.files.resume._LOOKS_AFTER_S", (0.0,))
    contents, both = [os.urandom(SIZE), os.urandom(SIZE)], threading.Barrier(2, timeout=10)
    for content in contents:
        interrupted(server, content, filename="same.bin")
    first, first_of = set[int](), threading.local()

    def slowly(*arguments: Any) -> Iterator[str]:
        if not getattr(first_of, "is_late", False):
            first_of.is_late = True
            first.add(both.wait())  # both have begun to compare, with the same upload
        return prefix_md5s(*arguments)

    monkeypatch.setattr("aikit.resources.files.resume.prefix_md5s", slowly)
    with OpenAIClient("k", base_url=server.url) as client:
        options: dict[str, Any] = {"background": True, "filename": "same.bin"}
        results = [client.files.create(content, "user_data", **options) for content in contents]
        for result in results:
            assert result.wait(15)
    assert [result.errors for result in results] == [(), ()]
    assert [server.files[result.file.id] for result in results if result.file] == contents
    assert (server.asked.count("uploads"), server.asked.count("parts")) == (0, 0)
    assert first == {0, 1}


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8 are Linux'")
def test_a_folder_whose_name_is_no_utf_8_can_be_gone_on_from(server: UploadServer, tmp_path: Path) -> None:
    """
    The journal notes where a file lies as text that it can hold.
    """
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "large.bin").write_bytes(os.urandom(SIZE))
    interrupted(server, folder / "large.bin")
    result = created(server, folder / "large.bin")
    assert result.errors == ()
    assert server.asked.count("parts") == 0
    assert server.files == {result.file.id: (folder / "large.bin").read_bytes()}


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8 are Linux'")
def test_a_home_whose_name_is_no_utf_8_is_a_home(tmp_path: Path) -> None:
    """
    Whose files are meant can be noted, too, where the embedded provider's folder is called anything.
    """
    home, path = tmp_path / os.fsdecode(b"h\xe9"), tmp_path / "a.txt"
    path.write_text("a")
    with OpenAIClient(provider="local", home=home) as client:
        result = client.files.create_many([path], "user_data", {"skip_identical": True})
    assert result.errors == ()
