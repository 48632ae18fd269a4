"""
Content, whole and in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.sinks import FileSink
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import Store
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.progress import Progress
from tests.providers.local.conftest import API

CONTENT = b'{"n": 0}\n' + bytes(range(256)) * 8_192


def test_content_comes_back_byte_for_byte(api: API) -> None:
    """
    What was uploaded is what is downloaded, with its size, a strong validator and its name.
    """
    response = api.content(api.stored_id(CONTENT, filename='é"x.jsonl'))
    assert response.body == CONTENT
    names = ("content-type", "content-length", "accept-ranges", "etag", "content-disposition")
    assert [response.headers[name] for name in names] == [
        "application/octet-stream",
        str(len(CONTENT)),
        "bytes",
        f'"{hashlib.sha256(CONTENT).hexdigest()}"',
        "attachment; filename=\"__x.jsonl\"; filename*=UTF-8''%C3%A9%22x.jsonl",
    ]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-0", 0, 1), ("10-", 10, None), ("-5", -5, None), ("5-9999999999", 5, None), ("-9999999999", 0, None)],
)
def test_a_range_is_answered_with_that_part(api: API, asked: str, start: int, end: int | None) -> None:
    """
    First bytes, last bytes and bytes from a place on come with status 206.
    """
    response = api.content(api.stored_id(CONTENT), {"Range": f"bytes={asked}"})
    part = CONTENT[start:end]
    first = CONTENT.index(part) if start < 0 else start
    assert (response.status, response.body, response.headers["content-length"]) == (206, part, str(len(part)))
    if start >= 0:
        assert response.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "bytes=-", "bytes=x", ""])
def test_a_range_that_is_not_understood_is_ignored(api: API, asked: str) -> None:
    """
    Several ranges and nonsense are answered with the whole, as RFC 9110 allows.
    """
    response = api.content(api.stored_id(CONTENT), {"Range": asked})
    assert (response.status, len(response.body)) == (200, len(CONTENT))


@pytest.mark.parametrize("asked", ["99999999-", "99999999-999999999", "-0"])
def test_a_range_behind_the_end_is_refused(api: API, asked: str) -> None:
    """
    Where there is nothing, the answer has status 416 and says how much there is.
    """
    response = api.content(api.stored_id(CONTENT), {"Range": f"bytes={asked}"})
    assert (response.status, response.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
    assert response.json()["error"]["code"] == "range_not_satisfiable"


def test_if_range_gives_the_part_only_of_the_same_content(api: API) -> None:
    """
    A validator of other content, or a weak one, is answered with the whole.
    """
    file_id = api.stored_id(CONTENT)
    etag = api.content(file_id).headers["etag"]
    for validator, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        assert api.content(file_id, {"Range": "bytes=4-", "If-Range": validator}).status == status


def test_a_broken_download_goes_on_where_it_stopped(api: API, tmp_path: Path) -> None:
    """
    A sink that has a part asks for the rest and gets no more than that.
    """
    file_id = api.stored_id(CONTENT)
    path = tmp_path / "copy"
    seen: list[Progress] = []

    def stop_early(progress: Progress) -> None:
        seen.append(progress)
        if progress.bytes:
            context.cancel()

    context = CallContext(on_progress=stop_early, clock=iter(range(1_000)).__next__)
    with FileSink(path=path) as sink:
        with pytest.raises(CancelledError):
            api.call("GET", f"/files/{file_id}/content", context, sink=sink)
        done = sink.done
        assert 0 < done < len(CONTENT)
        response = api.call("GET", f"/files/{file_id}/content", sink=sink)
        assert response.status == 206
        assert int(response.headers["content-length"]) == len(CONTENT) - done
        sink.commit(len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert seen[0] == Progress(0, len(CONTENT), "downloading")


def test_a_refusal_does_not_touch_the_sink(api: API, tmp_path: Path) -> None:
    """
    The words of a refusal come in the body, where they are looked for.
    """
    with FileSink(path=tmp_path / "copy") as sink:
        response = api.call("GET", "/files/none/content", sink=sink)
    assert (response.status, list(tmp_path.glob("copy*"))) == (404, [])
    assert b"No such File object" in response.body


@attrs.define
class InterruptedSink:
    """
    Collects what comes, and does something else at each chunk.
    """

    interrupt: Callable[[], object]
    content: bytes = b""

    def request_headers(self) -> Mapping[str, str]:
        """Ask for everything."""
        return {}

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """Have nothing yet."""
        assert (status, headers["accept-ranges"]) == (200, "bytes")
        return 0

    def write(self, chunk: memoryview, /) -> None:
        """Do the other thing, then go on."""
        self.interrupt()
        self.content += chunk


def test_an_open_download_survives_deletion(api: API, store: Store) -> None:
    """
    Whoever is reading a file reads it to its end, though it was deleted meanwhile.
    """
    file_id = api.stored_id(CONTENT)
    sink = InterruptedSink(lambda: store.delete(file_id))
    api.call("GET", f"/files/{file_id}/content", sink=sink)
    assert sink.content == CONTENT
    assert api.content(file_id).status == 404


def test_content_that_was_cut_short_on_disk_is_an_error(api: API, store: Store) -> None:
    """
    A blob that lost bytes is never passed off as the file.
    """
    file_id = api.stored_id(CONTENT)
    (store.folder / "blobs" / file_id).write_bytes(CONTENT[:1000])
    with pytest.raises(OpenAIError, match="upload it again") as caught:
        api.content(file_id)
    assert caught.value.code == "storage_damaged"


def test_ctrl_c_when_a_file_has_just_been_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was to be received is not received, and its file is gone at once, not only when the store is opened again.
    """

    def interrupt(_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("aikit.providers.local.store.blobs.mark_as_alive", interrupt)
    with pytest.raises(KeyboardInterrupt), Incoming(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
