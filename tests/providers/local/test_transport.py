"""
Requests in OpenAI's format, and what the transport makes of them.
"""

from __future__ import annotations

import io
from pathlib import Path

import attrs
import pytest

from aikit.http.bodies import BytesBody, MultipartBody, json_body
from aikit.http.context import CallContext
from aikit.http.messages import Reader, Request
from aikit.http.sources import source_of
from aikit.providers.local import BASE_URL
from aikit.providers.local.store.files import Store
from aikit.providers.local.transport import LocalTransport
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.progress import Progress
from tests.providers.local.conftest import API, files_below


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/files/..%2F..%2Ffiles.db", "../../files.db"),
        ("/files/../files.db", "../files.db"),
        ("/files/a/b", "a/b"),
        ("/files/a%20b", "a b"),
        ("/files/file-%F0%9F%A6%8A", "file-🦊"),
        ("/files/file-\udcff", "file-?"),
        ("/files/%00", "\0"),
        ("/files/file-x'%20OR%20'1'='1", "file-x' OR '1'='1"),
    ],
)
def test_strange_ids_name_no_file(api: API, path: str, shown: str) -> None:
    """
    Ids are looked up, never used as paths or as SQL.
    """
    api.stored_id()
    for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        response = api.call(method, path + suffix)
        assert response.status == 404
        assert response.json()["error"]["message"] == f"No such File object: {shown}"
    assert len(api.call("GET", "/files").json()["data"]) == 1


@pytest.mark.parametrize("url", [f"{BASE_URL}/filesystem", f"{BASE_URL}/batcheslike", "http://elsewhere/v1/files"])
def test_other_addresses_are_unknown(store: Store, url: str) -> None:
    """
    What the embedded provider does not have is told as OpenAI tells it.
    """
    response = LocalTransport(store).send(Request(method="GET", url=url), CallContext())
    assert (response.status, response.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/files"), ("DELETE", "/files"), ("POST", "/files/x"), ("DELETE", "/files/x/content")]
)
def test_other_methods_are_not_supported(api: API, method: str, path: str) -> None:
    """
    A known address with a method it does not have is told so.
    """
    response = api.call(method, path)
    assert (response.status, response.json()["error"]["code"]) == (405, "method_not_supported")


def test_an_upload_must_be_a_form(api: API) -> None:
    """
    JSON instead of a form lacks what a form has.
    """
    response = api.call("POST", "/files", body=json_body({"purpose": "batch"}))
    assert (response.status, response.json()["error"]["code"]) == (400, "missing_required_parameter")


def test_the_answer_knows_its_request_and_its_time(api: API) -> None:
    """
    Errors quote the request, and measurements the time.
    """
    response = api.call("GET", "/files")
    assert response.request.url == f"{BASE_URL}/files"
    assert response.elapsed_s > 0
    assert response.request_id is not None


def test_progress_is_told_from_nothing_to_all(api: API) -> None:
    """
    An upload reports chunk by chunk, with the attempt it belongs to.
    """
    seen: list[Progress] = []
    context = CallContext(on_progress=seen.append, clock=iter(range(1_000)).__next__)
    body = MultipartBody(
        fields={"purpose": "batch"}, file_field="file", source=source_of(b"{}\n" * 600_000, purpose="batch")
    )
    api.call("POST", "/files", context, body=body, attempt=2)
    assert [(each.total, each.phase, each.attempt) for each in seen] == [(1_800_000, "uploading", 2)] * len(seen)
    done = [each.bytes for each in seen]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, 1_800_000)
    assert len(done) > 3


def test_a_cancelled_upload_leaves_nothing(api: API, store: Store) -> None:
    """
    Cancelling in the middle removes what was written.
    """

    def cancel_in_the_middle(progress: Progress) -> None:
        if progress.bytes:
            context.cancel()

    context = CallContext(on_progress=cancel_in_the_middle, clock=iter(range(1_000)).__next__)
    source = source_of(b"x" * 2_000_000, filename="a.txt")
    body = MultipartBody(fields={"purpose": "vision"}, file_field="file", source=source)
    with pytest.raises(CancelledError):
        api.call("POST", "/files", context, body=body)
    assert files_below(store.folder / "incoming") + files_below(store.folder / "blobs") == []


def test_a_call_cancelled_before_it_began_does_nothing(home: Path) -> None:
    """
    Not even the folder is made.
    """
    context = CallContext()
    context.cancel()
    with pytest.raises(CancelledError):
        LocalTransport(home).send(Request(method="GET", url=f"{BASE_URL}/files"), context)
    assert not home.exists()


def test_a_source_that_changes_while_it_is_read_leaves_nothing(api: API, store: Store, tmp_path: Path) -> None:
    """
    The source's error reaches the caller as it is.
    """
    path = tmp_path / "growing.jsonl"
    path.write_bytes(b"{}\n" * 10)
    source = source_of(path).resolved()
    path.write_bytes(b"{}\n" * 20)
    body = MultipartBody(fields={"purpose": "batch"}, file_field="file", source=source)
    with pytest.raises(OpenAIError) as caught:
        api.call("POST", "/files", body=body)
    assert caught.value.code == "file_changed"
    assert files_below(store.folder / "incoming") + files_below(store.folder / "blobs") == []


def test_a_stream_of_unknown_size_is_stored_whole(api: API) -> None:
    """
    A pipe has no size before it was read.
    """

    class Pipe(io.BytesIO):
        """
        A stream that cannot go back.
        """

        def seekable(self) -> bool:
            """Say no."""
            return False

    assert api.upload(Pipe(b"{}\n" * 1_000)).json()["bytes"] == 3_000


def test_a_folder_that_cannot_be_used_is_an_answer(tmp_path: Path) -> None:
    """
    Where the store cannot be, the answer says so instead of a crash, and that asking again does not help.
    """
    (tmp_path / "home").write_bytes(b"a file")
    transport = LocalTransport(tmp_path / "home")
    response = transport.send(Request(method="GET", url=f"{BASE_URL}/files"), CallContext())
    error = response.json()["error"]
    assert (response.status, error["type"], error["code"]) == (500, "server_error", "storage_unavailable")
    assert "AIKIT_HOME" in error["message"]
    assert response.headers["x-should-retry"] == "false"


@attrs.define
class _Blanks:
    """Eight megabytes of blanks, and how many of them were read."""

    count: int = 0

    def read(self, size: int, /) -> bytes:
        """Return the next *size* blanks."""
        self.count += size
        return b" " * size if self.count <= 8 << 20 else b""

    def close(self) -> None:
        """Do nothing."""


@attrs.frozen(kw_only=True)
class _Large(BytesBody):
    """A body of blanks."""

    blanks: _Blanks

    def open(self) -> Reader:
        """Return the blanks."""
        return self.blanks


def test_a_body_of_json_is_read_up_to_a_bound(store: Store) -> None:
    """
    What is larger than any request in JSON is refused without being held in memory.
    """
    body = _Large(content=b"", blanks=_Blanks())
    response = LocalTransport(store).send(Request(method="POST", url=f"{BASE_URL}/batches", body=body), CallContext())
    assert response.status == 400
    assert body.blanks.count <= 2 << 20
