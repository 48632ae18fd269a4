"""
A file whose making was answered, and the answer lost: it is found, and never another call's taken for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient
from aikit.validation.limits import limits_for
from tests.scripted_server import Exchange
from tests.upload_server import UploadServer, answer_lost, say, upload_server

SIZE: Final = 250_000
LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=150_000, upload_part_max_bytes=100_000, upload_max_bytes=2_000_000
)
_PATIENCE_S: Final = 10


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is large is small here, and nobody waits long.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: LIMITS)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    monkeypatch.setattr("aikit.resources.files.resume._LOOKS_AFTER_S", (0.0, 0.01))
    monkeypatch.setattr("aikit.resources.files.resume._DOUBTS_AFTER_S", (0.05,) * 20)


@pytest.fixture
def server() -> Iterator[UploadServer]:
    """
    A server whose first answer to a completion is lost.
    """
    with upload_server() as running:
        running.at_completion = [answer_lost]
        yield running


def namesake(folder: Path) -> Path:
    """
    Return a file of that size, called like all others.
    """
    folder.mkdir()
    (folder / "same.bin").write_bytes(os.urandom(SIZE))
    return folder / "same.bin"


def hung_up(exchange: Exchange, _: bytes) -> bool:
    """
    Hang up without having done anything.
    """
    exchange.sock.close()
    return False


@attrs.define
class Two:
    """
    Two calls that make files of one name and size; the first loses its answer, and looks when the second has its file.

    Attributes:
        is_first_made: Whether the first call's file is there, too.
    """

    server: UploadServer
    paths: tuple[Path, Path]
    options: dict[str, Any] = attrs.field(factory=dict)
    is_first_made: bool = True
    first_asked: threading.Event = attrs.field(factory=threading.Event)
    second_made: threading.Event = attrs.field(factory=threading.Event)
    looked: threading.Event = attrs.field(factory=threading.Event)

    def run(self) -> list[Any]:
        """
        Return the results.
        """
        self.server.when_made, self.server.before_listing = self._made, self._listing
        self.server.at_completion[0] = self._lose_first
        with OpenAIClient("k", base_url=self.server.url) as one, OpenAIClient("k", base_url=self.server.url) as other:
            options = {"background": True, "max_retries": 0, **self.options}
            first = one.files.create(self.paths[0], "user_data", **options)
            assert self.first_asked.wait(_PATIENCE_S)
            second = other.files.create(self.paths[1], "user_data", **options)
            assert first.wait(_PATIENCE_S)
            assert second.wait(_PATIENCE_S)
        return [first, second]

    def _lose_first(self, exchange: Exchange, _: bytes) -> bool:
        exchange.sock.close()
        if not self.is_first_made:
            self.first_asked.set()
        return self.is_first_made

    def _made(self, _: str) -> None:
        if not self.first_asked.is_set():
            self.first_asked.set()
        else:
            self.second_made.set()
            self.looked.wait(_PATIENCE_S)

    def _listing(self) -> None:
        assert self.second_made.wait(_PATIENCE_S)
        threading.Timer(0.1, self.looked.set).start()


@pytest.mark.parametrize("checksum", [True, False])
def test_each_has_its_own_file(checksum: bool, server: UploadServer, tmp_path: Path) -> None:  # noqa: FBT001  a parameter of pytest
    """
    A file of another call that has not heard of it yet is not taken: it is waited until it is known whose it is.
    """
    paths = (namesake(tmp_path / "a"), namesake(tmp_path / "b"))
    results = Two(server, paths, {"checksum": checksum}).run()
    assert [result.errors for result in results] == [(), ()]
    assert [server.files[result.file.id] for result in results] == [path.read_bytes() for path in paths]
    assert server.open_uploads == []


def test_where_nobody_can_tell_no_file_is_taken(server: UploadServer, tmp_path: Path) -> None:
    """
    Two whose answers were both lost say so, and what to do; neither gets the other's.
    """
    server.at_completion = [answer_lost, answer_lost]
    paths = (namesake(tmp_path / "a"), namesake(tmp_path / "b"))
    results = Two(server, paths).run()
    for result in results:
        assert [error.code for error in result.errors] == ["answer_lost"]
        assert "look at files.list()" in result.errors[0].message
        assert result.file is None
    assert sorted(server.files.values()) == sorted(path.read_bytes() for path in paths)
    assert server.open_uploads == []


def test_the_only_file_like_it_is_not_taken_while_it_may_be_another_calls(server: UploadServer, tmp_path: Path) -> None:
    """
    A call whose file was never made waits until another call knows the file on the list as its own, and then fails.
    """
    paths = (namesake(tmp_path / "a"), namesake(tmp_path / "b"))
    first, second = Two(server, paths, is_first_made=False).run()
    assert [error.code for error in first.errors] == ["connection_error"]
    assert first.file is None
    assert second.errors == ()
    assert server.files == {second.file.id: paths[1].read_bytes()}


def test_a_list_that_fails_is_asked_for_again(server: UploadServer, tmp_path: Path) -> None:
    """
    The file is there: one failing look for it is no error of the call.
    """
    looks = iter([False])

    def fail_once() -> None:
        server.can_list = next(looks, True)

    server.before_listing = fail_once
    path = namesake(tmp_path / "a")
    with OpenAIClient("k", base_url=server.url) as client:
        result = client.files.create(path, "user_data", {"max_retries": 0})
    assert result.errors == ()
    assert server.files == {result.file.id if result.file else None: path.read_bytes()}
    assert server.asked.count("files") == 2


def test_a_second_completion_that_is_refused_as_unprocessable_finds_the_file(
    server: UploadServer, tmp_path: Path
) -> None:
    """
    Servers say in several ways that an upload is over; 422 after a lost answer means that the file may be there.
    """

    def unprocessable(exchange: Exchange, _: bytes) -> bool:
        say(exchange, 422, {"error": {"message": "The upload is completed."}})
        return False

    server.at_completion = [answer_lost, unprocessable]
    path = namesake(tmp_path / "a")
    with OpenAIClient("k", base_url=server.url, max_retries=1) as client:
        result = client.files.create(path, "user_data")
    assert result.errors == ()
    assert result.file is not None
    assert server.files == {result.file.id: path.read_bytes()}


def test_a_file_from_elsewhere_is_not_taken_beside_ones_own(server: UploadServer, tmp_path: Path) -> None:
    """
    Another machine, of which this journal knows nothing, may have made one like it at the same time.
    """
    mine, other = namesake(tmp_path / "a"), namesake(tmp_path / "b")

    def made_elsewhere() -> None:
        server.before_listing = lambda: None
        with OpenAIClient("k", base_url=server.url, home=tmp_path / "elsewhere") as client:
            client.files.create(other, "user_data").throw()

    server.before_listing = made_elsewhere
    with OpenAIClient("k", base_url=server.url) as client:
        result = client.files.create(mine, "user_data")
    assert [error.code for error in result.errors] == ["answer_lost"]
    assert result.file is None


def test_what_was_not_made_is_not_found(server: UploadServer, tmp_path: Path) -> None:
    """
    A file of a call that ended well long ago is known to be that call's.
    """
    with OpenAIClient("k", base_url=server.url, max_retries=1) as client:
        first = client.files.create(namesake(tmp_path / "a"), "user_data").throw()
        server.at_completion = [hung_up, hung_up]
        second = client.files.create(namesake(tmp_path / "b"), "user_data")
    assert second.errors[0].code == "connection_error"
    assert list(server.files) == [first.file.id if first.file else None]


def test_who_cancels_when_the_file_is_being_made_is_told_that_it_may_be_there(tmp_path: Path) -> None:
    """
    A cancelled call waits a moment for the answer, and no longer. The same call finds that file, and makes no second.
    """
    made = threading.Event()

    def made_slowly(_: str) -> None:
        made.set()
        time.sleep(1.5)

    with upload_server() as server, OpenAIClient("k", base_url=server.url) as client:
        server.when_made = made_slowly
        path = namesake(tmp_path / "a")
        result = client.files.create(path, "user_data", {"background": True})
        assert made.wait(_PATIENCE_S)
        assert result.cancel()
        assert result.wait(_PATIENCE_S)
        assert [error.code for error in result.errors] == ["cancelled"]
        assert "may have been stored all the same" in result.notes[-1]
        again = client.files.create(path, "user_data").throw()
    assert again.file is not None
    assert server.files == {again.file.id: path.read_bytes()}


@pytest.mark.parametrize("other", ["older", "of another size", "of another name"])
def test_a_file_that_cannot_be_the_lost_one_is_not_taken(other: str, server: UploadServer, tmp_path: Path) -> None:
    """
    A file from elsewhere that is older than the upload, larger or named otherwise did not come of it.
    """
    path = namesake(tmp_path / "mine")
    theirs = namesake(tmp_path / "theirs")
    if other == "of another size":
        theirs.write_bytes(os.urandom(SIZE + 1))
    if other == "of another name":
        theirs = theirs.rename(theirs.with_name("other.bin"))
    server.at_completion = []
    with OpenAIClient("k", base_url=server.url, home=tmp_path / "elsewhere") as client:
        client.files.create(theirs, "user_data").throw()
    if other == "older":
        (upload,) = server.uploads.values()
        upload["file"]["created_at"] -= 60
    server.at_completion = [hung_up]
    with OpenAIClient("k", base_url=server.url) as client:
        result = client.files.create(path, "user_data", {"max_retries": 0})
    assert [error.code for error in result.errors] == ["connection_error"]
    assert result.file is None
